/**
 * Recalls of one turn of the event loop as one question a sender: the recipients that a client
 * offers in one packet.
 */
import type { Split } from '../../split/split.ts'

/** Open splits of each recipient, in the order of the recipients. */
export type RecallMany = (
  reversePath: string,
  recipients: readonly string[],
) => Promise<readonly (readonly Split[])[]>

interface Question {
  readonly recipient: string
  readonly resolve: (splits: readonly Split[]) => void
  readonly reject: (error: unknown) => void
}

/** Recipients in one question; a script on the server holds up everyone else. */
const mostRecipients = 100

export class RecallBatch {
  readonly #ask: RecallMany
  #waiting = new Map<string, Question[]>()

  constructor(ask: RecallMany) {
    this.#ask = ask
  }

  async recall(reversePath: string, recipient: string): Promise<readonly Split[]> {
    return await new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) queueMicrotask(() => this.#askAll())
      const questions = this.#waiting.get(reversePath)
      const question = { recipient, resolve, reject }
      if (questions === undefined) this.#waiting.set(reversePath, [question])
      else questions.push(question)
    })
  }

  #askAll(): void {
    const all = this.#waiting
    this.#waiting = new Map()
    for (const [reversePath, questions] of all) {
      for (let at = 0; at < questions.length; at += mostRecipients) {
        void this.#askInBackground(reversePath, questions.slice(at, at + mostRecipients))
      }
    }
  }

  async #askInBackground(reversePath: string, questions: readonly Question[]): Promise<void> {
    try {
      const recipients = [...new Set(questions.map(({ recipient }) => recipient))]
      const splits = await this.#ask(reversePath, recipients)
      const found = new Map(recipients.map((recipient, index) => [recipient, splits[index] ?? []]))
      for (const { recipient, resolve } of questions) resolve(found.get(recipient) ?? [])
    } catch (error) {
      for (const { reject } of questions) reject(error)
    }
  }
}
