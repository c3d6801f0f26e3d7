/** From the keys of `judges` to what judges are opened with. */
import type { Config, JudgeConfig, ScannerConfig } from './config.ts'
import type { Report } from './report.ts'
import type { Settings } from './schema.ts'

type Entry = NonNullable<Settings['judges']>[number]

interface Resolving {
  readonly backend: Config['backend']
  /** A file that is named in the configuration. */
  readonly place: (path: string) => string
  readonly report: Report
}

/** To try things out, in front of a sink. */
const local = { from: ['127.0.0.0/8', '::1'], field: 'X-Spam-Score' } as const

export function resolveJudges(
  { judges, last_word: lastWord, trusted }: Pick<Settings, 'judges' | 'last_word' | 'trusted'>,
  { backend, place, report }: Resolving,
): readonly JudgeConfig[] {
  if (judges === undefined) {
    const tried = backend.servers.every(({ kind }) => kind === 'sink') && lastWord === 'judges'
    return tried ? [{ kind: 'headers', ...local, onFailure: 'accept' }] : []
  }
  return judges.flatMap((entry, i): JudgeConfig[] => {
    const [first, ...others] = Object.keys(entry)
    if (first === undefined)
      report(['judges', i], 'names no judge, expected rspamd, spamd, milter, hook or headers')
    for (const other of others)
      report(['judges', i, other], `there is already ${first ?? ''}; make it an entry of its own`)
    if (entry.spamd?.user !== undefined && entry.spamd.scan !== 'once')
      report(['judges', i, 'spamd', 'user'], 'is for scan: once; leave it out')
    if (entry.hook !== undefined) reportCredentials(entry.hook, ['judges', i, 'hook'], report)
    if (entry.headers?.from === undefined && entry.headers !== undefined && trusted.length === 0)
      report(['judges', i, 'headers'], 'believes nobody; name hosts in its from, or in trusted')
    const judge = judgeOf(entry, { place, trusted })
    return judge === undefined ? [] : [judge]
  })
}

function reportCredentials(
  { token_file: token, user, password_file: password }: NonNullable<Entry['hook']>,
  at: readonly (string | number)[],
  report: Report,
): void {
  if (user !== undefined && password === undefined)
    report([...at, 'user'], 'needs a password_file beside it')
  if (user === undefined && password !== undefined)
    report([...at, 'password_file'], 'needs a user beside it')
  if (token !== undefined && user !== undefined)
    report([...at, 'token_file'], 'and user are two ways to say who asks; leave one out')
}

function judgeOf(
  { headers, rspamd, spamd, milter, hook }: Entry,
  { place, trusted }: Pick<Resolving, 'place'> & Pick<Settings, 'trusted'>,
): JudgeConfig | undefined {
  if (headers !== undefined) {
    const { from = trusted, field, on_failure: onFailure } = headers
    return { kind: 'headers', from, field, onFailure }
  }
  if (rspamd !== undefined) {
    const { url: servers, password_file: file } = rspamd
    return {
      kind: 'rspamd',
      servers,
      scan: rspamd.scan === 'once' ? 'once' : 'perGroup',
      ...(rspamd.compression === 'none' ? {} : { compression: rspamd.compression }),
      ...(file === undefined ? {} : { passwordFile: place(file) }),
      ...scanner(rspamd),
    }
  }
  if (milter !== undefined) {
    const { url: servers, name } = milter
    return { kind: 'milter', name, servers, ...scanner(milter) }
  }
  if (hook !== undefined) return hookOf(hook, place)
  if (spamd === undefined) return undefined
  const { url: servers, user } = spamd
  return {
    kind: 'spamd',
    servers,
    scan: spamdScans[spamd.scan],
    ...(user === undefined ? {} : { user }),
    ...scanner(spamd),
  }
}

function hookOf(
  hook: NonNullable<Entry['hook']>,
  place: Resolving['place'],
): Extract<JudgeConfig, { kind: 'hook' }> {
  const { url: servers, name, text, user, token_file: token, password_file: password } = hook
  return {
    kind: 'hook',
    name,
    servers,
    text,
    ...(user === undefined ? {} : { user }),
    ...(token === undefined ? {} : { tokenFile: place(token) }),
    ...(password === undefined ? {} : { passwordFile: place(password) }),
    ...scanner(hook),
  }
}

const spamdScans = { once: 'once', per_policy: 'perPolicy', per_recipient: 'perRecipient' } as const

const scanner = (
  entry: Pick<
    NonNullable<Entry['rspamd']>,
    'time_limit' | 'connect_timeout' | 'on_failure' | 'max_size' | 'at_a_time' | 'answer_size'
  >,
): ScannerConfig => ({
  timeLimitMs: entry.time_limit,
  connectTimeoutMs: entry.connect_timeout,
  onFailure: entry.on_failure,
  maxSizeBytes: entry.max_size,
  atATime: entry.at_a_time,
  answerSizeBytes: entry.answer_size,
})
