/** Where the client has connected to, as filters are told it. Pure. */

export interface OwnEnd {
  readonly address: string
  readonly port: number
}

/** From address and port with a blank between them; undefined where it is not known. */
export function ownEndOf(local: string | undefined): OwnEnd | undefined {
  const [address, port] = (local ?? '').split(' ')
  return address === undefined || port === undefined ? undefined : { address, port: Number(port) }
}
