/** The loads, a row each: what smtp-source(1) is told, beyond how many messages. */

export interface Load {
  readonly name: string
  readonly title: string
  /**
   * `-s` parallel sessions, `-l` octets a message, `-d` go on in the same session, `-r` recipients.
   */
  readonly options: readonly string[]
  /** Messages of the very first run, which only tells how many a second there will be. */
  readonly probe: number
}

export const loads: readonly Load[] = [
  {
    name: 'kept',
    title: '20 long-lived sessions, 4 KiB',
    options: ['-d', '-s', '20', '-l', '4096'],
    probe: 200,
  },
  {
    name: 'fresh',
    title: 'a connection each, 20 at a time, 4 KiB',
    options: ['-s', '20', '-l', '4096'],
    probe: 200,
  },
  {
    name: 'five',
    title: '20 long-lived sessions, five recipients, 4 KiB',
    options: ['-d', '-s', '20', '-l', '4096', '-r', '5'],
    probe: 200,
  },
  {
    name: 'large',
    title: '10 long-lived sessions, 1 MiB',
    options: ['-d', '-s', '10', '-l', '1048576'],
    probe: 10,
  },
]
