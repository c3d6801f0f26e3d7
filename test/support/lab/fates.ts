/**
 * What must hold for each recipient in the end: the message once, or one report of failure, and
 * never neither.
 */
import { expect } from 'vitest'
import type { Bounce } from './maildir.ts'
import { until, untilSteady } from './until.ts'

export interface SendingServer {
  readonly empty: () => Promise<void>
  readonly bounces: () => Promise<Bounce[]>
  readonly log: () => Promise<string>
  /** Has it try again now what waits, where it would not for minutes. */
  readonly hurry?: () => Promise<void>
}

export interface ReceivingServer {
  readonly empty: () => Promise<void>
  readonly mailbox: (address: string) => Promise<string[]>
  readonly log?: () => Promise<string>
}

export interface Fates {
  /** Recipients who have the message, plain or tagged. */
  readonly plain?: readonly string[]
  readonly tagged?: readonly string[]
  /** Recipients whom the sender was told about, and what it was told. */
  readonly bounced?: Readonly<Record<string, string>>
}

/**
 * Waits until the client has nothing left to do, then holds every recipient's fate against what was
 * expected.
 */
export async function expectFates(
  client: SendingServer,
  backend: ReceivingServer,
  { plain = [], tagged = [], bounced = {} }: Fates,
): Promise<void> {
  const refused = Object.keys(bounced).sort()
  const everybody = [...plain, ...tagged, ...refused]
  // A queue that is not filled yet is empty too: each recipient's own end comes first.
  await until(
    'every recipient has the message or is reported as refused',
    async () => {
      const copies = await deliveriesOf(backend, [...plain, ...tagged])
      const waiting = Object.values(copies).some((messages) => messages.length === 0)
      if (!waiting && (await client.bounces()).length >= refused.length) return true
      await client.hurry?.()
      return false
    },
    {
      explain: async () =>
        `${await client.log()}\n== The server behind\n${(await backend.log?.()) ?? ''}`,
    },
  )
  await client.empty()
  await backend.empty()
  const bounces = await client.bounces()
  expect(bounces.map(({ recipient }) => recipient).sort()).toEqual(refused)
  for (const { recipient, reply } of bounces) expect(reply).toContain(bounced[recipient])
  const copies = await deliveriesOf(backend, everybody)
  const expected = [
    ...plain.map((address) => [address, ['plain']] as const),
    ...tagged.map((address) => [address, ['tagged']] as const),
    ...refused.map((address) => [address, []] as const),
  ]
  expect(copies).toEqual(Object.fromEntries(expected))
}

/**
 * Waits until these recipients, and no others, are in the queue: one that was answered is listed
 * until its report is on its way, and so is the report.
 */
export async function expectWaiting(
  client: {
    readonly queue: () => Promise<readonly { readonly waiting: readonly string[] }[]>
    readonly log: () => Promise<string>
  },
  addresses: readonly string[],
): Promise<void> {
  const wanted = [...addresses].sort().join(' ')
  const waiting = async (): Promise<string> =>
    (await client.queue())
      .flatMap((message) => message.waiting)
      .sort()
      .join(' ')
  await untilSteady(`only ${wanted} waits`, async () => (await waiting()) === wanted, {
    explain: async () => `${await client.log()}\nWaiting: ${await waiting()}`,
  })
}

/** For each address, what each message in its mailbox is: plain or tagged. */
async function deliveriesOf(
  backend: ReceivingServer,
  addresses: readonly string[],
): Promise<Record<string, readonly string[]>> {
  const entries = addresses.map(async (address) => {
    const messages = await backend.mailbox(address)
    return [
      address,
      messages.map((text) => (/^X-Rcptwise-Verdict: tag/m.test(text) ? 'tagged' : 'plain')),
    ] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}
