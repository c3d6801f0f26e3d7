/** Judging that also reads who the author of the text is, for recipients with lists of senders. */
import { type Author, authorOf } from '../message/author.ts'
import { readFields } from '../message/header-fields.ts'
import { HeaderReader, type HeaderSection } from '../message/header-section.ts'
import type { Findings } from '../verdict/judgement.ts'
import type { MessageJudging } from './judge.ts'

export class AuthoredJudging implements MessageJudging {
  readonly #judging: MessageJudging
  readonly #reader = new HeaderReader()
  #isRead = false
  #author: Author | undefined

  constructor(judging: MessageJudging) {
    this.#judging = judging
  }

  push(chunk: Buffer): void {
    const section = this.#isRead ? undefined : this.#reader.push(chunk)
    if (section !== undefined) this.#read(section)
    this.#judging.push(chunk)
  }

  settled(): Findings | undefined {
    const found = this.#isRead ? this.#judging.settled() : undefined
    return found === undefined ? undefined : this.#with(found)
  }

  end(): Findings | Promise<Findings> {
    if (!this.#isRead) this.#read(this.#reader.end())
    const found = this.#judging.end()
    return found instanceof Promise ? found.then((all) => this.#with(all)) : this.#with(found)
  }

  abandon(why?: string): void {
    this.#judging.abandon(why)
  }

  #read({ header }: HeaderSection): void {
    this.#isRead = true
    this.#author = authorOf(readFields(header)?.all ?? [])
  }

  #with(findings: Findings): Findings {
    return this.#author === undefined ? findings : { ...findings, author: this.#author }
  }
}
