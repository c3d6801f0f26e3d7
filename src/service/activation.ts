/**
 * Listening sockets that the service manager opened (socket activation, sd_listen_fds(3)): ports
 * below 1024 without any privilege, and connections that wait instead of being refused while the
 * service is restarted.
 */

export interface InheritedSocket {
  /** File descriptor, 3 and up. */
  readonly descriptor: number
  /** FileDescriptorName= of the socket unit; the unit's name unless it says otherwise. */
  readonly name: string
}

/**
 * The first descriptor that is passed, after stdin, stdout and stderr (sd_listen_fds(3),
 * SD_LISTEN_FDS_START).
 */
const firstDescriptor = 3

/**
 * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and removes them, so that programs started from
 * here do not take the sockets for theirs. None when they are for another process.
 * @throws Error when they are for this process and make no sense.
 */
export function inheritedSockets(
  environment: Record<string, string | undefined>,
  pid: number,
): InheritedSocket[] {
  const { LISTEN_PID: meant, LISTEN_FDS: count = '', LISTEN_FDNAMES: names = '' } = environment
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'])
    Reflect.deleteProperty(environment, name)
  if (meant !== String(pid)) return []
  if (!/^\d{1,4}$/.test(count))
    throw new Error(`LISTEN_FDS is "${count}", expected a number of sockets`)
  const named = names === '' ? [] : names.split(':')
  return Array.from({ length: Number(count) }, (_, i) => ({
    descriptor: firstDescriptor + i,
    name: named[i] ?? 'unknown',
  }))
}

/**
 * The descriptor for each entry of `listen`, undefined for those that have to be opened. A socket
 * named `listen-0` is for the first entry, `listen-1` for the second, and so on; all others are for
 * the entries that are left, in order.
 * @throws Error when two sockets are for one entry, or one is for none.
 */
export function assignSockets(
  sockets: readonly InheritedSocket[],
  entries: number,
): (number | undefined)[] {
  const assigned = new Array<number | undefined>(entries).fill(undefined)
  const unnamed: InheritedSocket[] = []
  for (const socket of sockets) {
    const index = /^listen-(\d{1,4})$/.exec(socket.name)?.[1]
    if (index === undefined) unnamed.push(socket)
    else assign(assigned, Number(index), socket)
  }
  for (const socket of unnamed) {
    const free = assigned.indexOf(undefined)
    assign(assigned, free === -1 ? entries : free, socket)
  }
  return assigned
}

function assign(
  assigned: (number | undefined)[],
  index: number,
  { descriptor, name }: InheritedSocket,
): void {
  const socket = `the service manager's socket "${name}" (descriptor ${descriptor})`
  if (index >= assigned.length) {
    throw new Error(
      `${socket} has no entry in listen, which has ${assigned.length}: add one, or remove a ListenStream= from the socket unit`,
    )
  }
  if (assigned[index] !== undefined) {
    throw new Error(
      `${socket} is for listen[${index}], which already has one: give each socket unit a FileDescriptorName= of its own`,
    )
  }
  assigned[index] = descriptor
}
