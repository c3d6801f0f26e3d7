/** Names of senders by their hosts, remembered: a host sends again and again. Pure. */
import { type SenderHost, senderName } from '../peers/sender-name.ts'

const mostHosts = 20_000

export class SenderNames {
  readonly #names = new Map<string, string>()

  of({ address, rdns }: SenderHost): string {
    const key = rdns === undefined ? address : `${address} ${rdns}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = senderName(rdns === undefined ? { address } : { address, rdns })
    if (this.#names.size >= mostHosts) this.#names.clear()
    this.#names.set(key, name)
    return name
  }
}
