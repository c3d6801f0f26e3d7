/**
 * What is done to the processes while mail flows: signals at random and aimed ones, full mailboxes,
 * other strategies.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { configurableStrategies } from '../../src/strategy/names.ts'
import type { RedisServer } from '../interop/redis/redis-server.ts'
import type { Behind } from './behind.ts'
import type { FrontEnd } from './front-end.ts'
import type { Journal } from './journal.ts'
import { type Boxes, boxTroubles, people } from './people.ts'
import type { ScannerProcess } from './scanner-process.ts'
import type { Random } from '../support/random.ts'
import type { BehindStep } from './server-behind.ts'

export interface Scene {
  readonly journal: Journal
  readonly frontEnds: readonly FrontEnd[]
  readonly behind: Behind
  readonly redis: RedisServer | undefined
  readonly scanner: ScannerProcess | undefined
}

/** By how often. */
const blows = {
  'kill a worker': 3,
  'stop a worker': 2,
  'kill the primary': 2,
  'end the primary': 1,
  'stop the primary': 1,
  'kill the server behind': 3,
  'stop the server behind': 2,
  'kill Redis': 2,
  'stop Redis': 1,
  'kill the scanner': 3,
  'stop the scanner': 2,
  'aim at a worker': 4,
  'aim at the server behind': 2,
  'switch the strategy': 4,
  'fill mailboxes': 4,
} as const

const steps: readonly BehindStep[] = ['at the dot', 'taken', 'said']

/** Longest stop of a process, in ms: less than anybody's patience. */
const longestStopMs = 1500

export class Trouble {
  readonly #scene: Scene
  readonly #random: Random
  #over = false
  /** Of the server behind, which was killed at a moment that was aimed at. */
  #restarting: Promise<void> = Promise.resolve()
  #aim: { readonly at: BehindStep; readonly target: 'worker' | 'behind' } | undefined

  constructor(scene: Scene, random: Random) {
    this.#scene = scene
    this.#random = random
  }

  /** Deals out one after the other until it is told to end. */
  async run(): Promise<void> {
    while (!this.#over) {
      await sleep(this.#random.between(100, 2500))
      if (!this.#isOver()) await this.#deal(this.#random.weighted(blows))
    }
    await this.#restarting
  }

  // `#over` changes while others wait.
  #isOver(): boolean {
    return this.#over
  }

  /** No further one; mailboxes have room again. */
  end(): void {
    this.#over = true
    this.#aim = undefined
    this.#scene.behind.fill({})
  }

  /** What the server behind is doing at this moment. */
  step(step: BehindStep): void {
    if (this.#aim?.at !== step) return
    const { target } = this.#aim
    this.#aim = undefined
    const front = this.#random.pick(this.#scene.frontEnds)
    if (target === 'behind') this.#restarting = this.#restartBehind(step)
    else {
      // Which of them serves the message is not known: all of this front-end are ended.
      const workers = front.workers()
      if (workers.length === 0) front.signal('primary', front.primary, 'SIGKILL', step)
      for (const pid of workers) front.signal('worker', pid, 'SIGKILL', step)
    }
  }

  async #deal(blow: keyof typeof blows): Promise<void> {
    const { behind, redis, scanner } = this.#scene
    const random = this.#random
    const front = random.pick(this.#scene.frontEnds)
    const worker = (): number => random.pick([...front.workers(), 0])
    switch (blow) {
      case 'kill a worker':
        front.signal('worker', worker(), 'SIGKILL')
        break
      case 'stop a worker':
        await this.#stopFor(front, 'worker', worker())
        break
      case 'kill the primary':
        front.signal('primary', front.primary, 'SIGKILL')
        break
      case 'end the primary':
        front.signal('primary', front.primary, 'SIGTERM')
        break
      case 'stop the primary':
        await this.#stopFor(front, 'primary', front.primary)
        break
      case 'kill the server behind':
        await this.#restartBehind()
        break
      case 'stop the server behind':
        behind.signal('SIGSTOP')
        await sleep(random.between(50, longestStopMs))
        behind.signal('SIGCONT')
        break
      case 'kill Redis':
        if (redis !== undefined) await this.#restartRedis(redis)
        break
      case 'stop Redis':
        if (redis !== undefined) await this.#pauseRedis(redis)
        break
      case 'kill the scanner':
        if (scanner !== undefined) await this.#restartScanner(scanner)
        break
      case 'stop the scanner':
        scanner?.signal('SIGSTOP')
        await sleep(random.between(50, longestStopMs))
        scanner?.signal('SIGCONT')
        break
      case 'aim at a worker':
        this.#aim = { at: random.pick(steps), target: 'worker' }
        break
      case 'aim at the server behind':
        this.#aim = { at: random.pick(steps), target: 'behind' }
        break
      case 'switch the strategy':
        await this.#switch(front)
        break
      case 'fill mailboxes':
        behind.fill(this.#someBoxes())
    }
  }

  async #stopFor(front: FrontEnd, target: 'primary' | 'worker', pid: number): Promise<void> {
    front.signal(target, pid, 'SIGSTOP')
    await sleep(this.#random.between(50, longestStopMs))
    front.signal(target, pid, 'SIGCONT')
  }

  async #restartBehind(aimedAt?: BehindStep): Promise<void> {
    const { behind } = this.#scene
    if (behind.pid === 0) return
    await behind.kill(aimedAt)
    await sleep(this.#random.between(0, 1500))
    await behind.start()
  }

  async #restartRedis(redis: RedisServer): Promise<void> {
    const { journal } = this.#scene
    const note = (how: 'SIGKILL' | 'started'): void =>
      journal.write({ what: 'blow', at: Date.now(), target: 'redis', pid: 0, how })
    note('SIGKILL')
    await redis.kill()
    await sleep(this.#random.between(0, 2000))
    await redis.startAgain()
    note('started')
  }

  /** So long that Rcptwise leaves it alone for a while, or so short that nobody notices. */
  async #restartScanner(scanner: ScannerProcess): Promise<void> {
    await scanner.kill()
    await sleep(this.#random.between(0, 3000))
    await scanner.start()
  }

  /** It takes connections and says nothing, as when its machine is stopped. */
  async #pauseRedis(redis: RedisServer): Promise<void> {
    const { journal } = this.#scene
    const ms = this.#random.between(50, longestStopMs)
    journal.write({ what: 'blow', at: Date.now(), target: 'redis', pid: 0, how: 'SIGSTOP' })
    await redis.ask('CLIENT', 'PAUSE', String(ms), 'ALL').catch(() => undefined)
    await sleep(ms)
    journal.write({ what: 'blow', at: Date.now(), target: 'redis', pid: 0, how: 'SIGCONT' })
  }

  async #switch(front: FrontEnd): Promise<void> {
    const strategy = this.#random.pick(configurableStrategies)
    const at = Date.now()
    const answered = await front.api('PUT', '/api/v1/peers/default/strategy', { strategy }).then(
      () => true,
      () => false,
    )
    this.#scene.journal.write({
      what: 'switch',
      at,
      to: answered ? Date.now() : undefined,
      strategy,
    })
  }

  #someBoxes(): Boxes {
    const all = this.#random.shuffled([...people.keys()]).slice(0, this.#random.between(0, 3))
    return Object.fromEntries(all.map((address) => [address, this.#random.pick(boxTroubles)]))
  }
}
