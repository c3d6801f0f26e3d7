/** The part of `check` that asks each source of policies and of aliases, with a test address. */
import { aliasSourceSettings, openAliasSource } from '../app/alias-source.ts'
import type { OpenSource } from '../app/asked-source.ts'
import { isFile, openPolicySource, policySourceSettings } from '../app/policy-source.ts'
import type { Config, SourceConfig } from '../config/config.ts'
import type { Alias } from '../policy/aliases/alias.ts'
import type { Answer, Failed, RawPolicy, Unknown } from '../policy/policy-source.ts'
import { told } from '../policy/resolved.ts'
import { bad, type Finding, ok } from './finding.ts'
import { rawInWords } from './policy-in-words.ts'

const silent = { onFact: (): void => undefined, now: Date.now }

/** Never rejects. */
export async function checkRecipients(config: Config): Promise<readonly Finding[]> {
  const { sources, aliases, defaultPolicy } = config.recipients
  const inForce = (answer: Answer<RawPolicy>): Answer<RawPolicy> =>
    told(answer, { policies: config.policies, defaultPolicy })
  const address = testAddress(config)
  return await Promise.all([
    ...sources.map(
      async (source) =>
        await checked({
          source,
          open: async () => await openPolicySource(policySourceSettings(source, config), silent),
          ask: async (opened) => finding(await ask(opened, address, inForce), rawInWords),
        }),
    ),
    ...aliases.map(
      async (source) =>
        await checked({
          source,
          open: async () => await openAliasSource(aliasSourceSettings(source, config), silent),
          ask: async (opened) => finding(await ask(opened, address), aliasInWords),
        }),
    ),
  ])
}

interface Checking<Found> {
  readonly source: SourceConfig
  readonly open: () => Promise<OpenSource<Found>>
  readonly ask: (opened: OpenSource<Found>) => Promise<Finding>
}

async function checked<Found>({ source, open, ask }: Checking<Found>): Promise<Finding> {
  try {
    await using closing = new AsyncDisposableStack()
    const opened = closing.adopt(await open(), async (one) => await one.close())
    return isFile(source)
      ? ok('recipients', `${source.path} has ${opened.entries ?? 0} entries`, source.path)
      : await ask(opened)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return bad('recipients', why)
  }
}

const aliasInWords = (answer: Alias | Unknown): string =>
  answer.kind === 'unknown' ? 'is no alias there' : `leads to ${answer.to.join(', ')}`

/** Whom a source may know, at least by the domain. */
const testAddress = ({ relayDomains, hostname }: Config): string =>
  `postmaster@${relayDomains?.find((domain) => !domain.startsWith('*')) ?? hostname}`

interface Asked<Found> {
  readonly source: string
  readonly address: string
  readonly answer: Answer<Found> | undefined
}

/** `meaning`: of what it says. */
async function ask<Found extends { readonly kind: string }>(
  source: OpenSource<Found>,
  address: string,
  meaning: (answer: Answer<Found>) => Answer<Found> = (answer) => answer,
): Promise<Asked<Found>> {
  const [answer] = await source.policiesFor([address], new AbortController().signal)
  return { source: source.name, address, answer: answer && meaning(answer) }
}

function finding<Found extends { readonly kind: string }>(
  { source, address, answer }: Asked<Found>,
  inWords: (answer: Found | Unknown) => string,
): Finding {
  if (answer === undefined) return bad('recipients', `${source}: it has no answer`, source)
  if (isFailed(answer)) return bad('recipients', `${source}: ${answer.why}`, source)
  const text = `${source} answers: ${address} ${inWords(answer)}`
  return (answer.kind === 'wrong' ? bad : ok)('recipients', text, source)
}

const isFailed = <Found extends { readonly kind: string }>(
  answer: Answer<Found>,
): answer is Failed => answer.kind === 'failed'
