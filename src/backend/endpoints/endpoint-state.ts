/** One endpoint, and what is known of it. Asking it, and by whom, is for endpoints.ts. */
import type { Extensions } from '../../smtp/ehlo.ts'
import { Health, type HealthOptions } from './health.ts'
import { RelaySchedule, type RelayScheduleOptions } from './relay-schedule.ts'
import { type Neighbours, Room } from './room.ts'
import type { Endpoint, Server } from './route.ts'

export interface EndpointStateOptions extends HealthOptions, RelayScheduleOptions {
  /** Only endpoints that are known to be `safe` are used (rule 8). */
  readonly guarded: boolean
  readonly neighbours: Neighbours
}

export class EndpointState implements Endpoint {
  readonly key: string
  readonly server: Server
  readonly host: string
  readonly address: string
  readonly port: number
  readonly rank: number
  readonly health: Health
  readonly room: Room
  readonly relay: RelaySchedule
  readonly #guarded: boolean
  /** Its EHLO as it was last seen. */
  extensions: Extensions | undefined
  /** Asked whether it relays, it refused; forgotten when it is ejected. */
  safe = false
  /** Would relay: not even tried when nothing else is left. */
  relays = false
  /** How often in a row it would not say whether it relays. */
  unsure = 0
  /** How many other processes leave it alone. */
  awayElsewhere = 0
  /** Something good was heard of it, in ms since the epoch. */
  heardAt = -Infinity
  /** While it is asked. */
  asking: Promise<void> | undefined
  /** Until it is asked again. */
  timer: NodeJS.Timeout | undefined

  constructor(endpoint: Endpoint, options: EndpointStateOptions) {
    const { key, server, host, address, port, rank } = endpoint
    const { ejectMs, ejectAtMostMs, neighbours, guarded } = options
    this.key = key
    this.server = server
    this.host = host
    this.address = address
    this.port = port
    this.rank = rank
    this.health = new Health(options)
    const more = { moreAfterMs: ejectMs, moreAfterAtMostMs: ejectAtMostMs }
    this.room = new Room(key, more, neighbours)
    this.relay = new RelaySchedule(options)
    this.#guarded = guarded
  }

  get usable(): boolean {
    return this.health.up && (this.safe || !this.#guarded)
  }

  /** Usable, and what it offers is known. */
  get known(): boolean {
    return this.usable && this.extensions !== undefined
  }
}
