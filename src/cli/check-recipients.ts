/** The part of `check` that asks each source of policies, with a test address. */
import {
  type OpenPolicySource,
  openPolicySource,
  policySourceSettings,
} from '../app/policy-source.ts'
import type { Config } from '../config/config.ts'
import type { Finding } from './check-backend.ts'
import { rawInWords } from './policy-in-words.ts'

const silent = { onFact: (): void => undefined, now: Date.now }

/** Never rejects. */
export async function checkRecipients(config: Config): Promise<readonly Finding[]> {
  const { sources } = config.recipients
  return await Promise.all(
    sources.map(async (source): Promise<Finding> => {
      try {
        await using closing = new AsyncDisposableStack()
        const opened = closing.adopt(
          await openPolicySource(policySourceSettings(source, config), silent),
          async (one) => await one.close(),
        )
        return source.kind === 'file'
          ? { ok: true, text: `recipients: ${source.path} has ${opened.entries ?? 0} entries` }
          : await ask(opened, testAddress(config))
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        return { ok: false, text: `recipients: ${why}` }
      }
    }),
  )
}

/** Whom a source may know, at least by the domain. */
const testAddress = ({ relayDomains, hostname }: Config): string =>
  `postmaster@${relayDomains?.find((domain) => !domain.startsWith('*')) ?? hostname}`

async function ask(source: OpenPolicySource, address: string): Promise<Finding> {
  const [answer] = await source.policiesFor([address], new AbortController().signal)
  const asked = `recipients: ${source.name}`
  if (answer === undefined) return { ok: false, text: `${asked}: it has no answer` }
  return answer.kind === 'failed'
    ? { ok: false, text: `${asked}: ${answer.why}` }
    : {
        ok: answer.kind !== 'wrong',
        text: `${asked} answers: ${address} ${rawInWords(answer)}`,
      }
}
