/** The configured judges. */
import type { Config, HookConfig, JudgeConfig } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { headersJudge } from '../judge/headers.ts'
import type { Credentials } from '../judge/hook/client.ts'
import { hookJudge } from '../judge/hook/hook.ts'
import type { Judge } from '../judge/judge.ts'
import { milterJudge } from '../judge/milter/milter.ts'
import { rspamdJudge } from '../judge/rspamd/rspamd.ts'
import type { ServerChange } from '../judge/servers.ts'
import { spamdJudge } from '../judge/spamd/spamd.ts'
import type { ConfiguredJudge } from '../judge/stages.ts'
import { inRanges } from '../peers/peer-directory.ts'
import { version } from '../version.ts'
import { passwordIn } from './password-file.ts'

/** What a judge tells, and the clock that it waits by. */
export interface JudgeSurroundings {
  readonly onFact: FactListener
  readonly now: () => number
}

/**
 * What a judge is opened with. How long it is waited for, and what becomes of a message that it
 * can't judge, is not among it: that may change while it stays open.
 */
export function judgeSettings(judge: JudgeConfig): JudgeConfig {
  const same = { onFailure: 'accept' } as const
  return judge.kind === 'headers' ? { ...judge, ...same } : { ...judge, ...same, timeLimitMs: 0 }
}

/** With what is not among its settings. */
export function judgeAsked(judge: Judge, config: JudgeConfig): ConfiguredJudge {
  const { onFailure } = config
  return config.kind === 'headers'
    ? { judge, onFailure }
    : { judge, onFailure, limitMs: config.timeLimitMs }
}

/** What log and metrics call it. */
export const judgeName = (judge: JudgeConfig): string => ('name' in judge ? judge.name : judge.kind)

/** Names of judges, for metrics: each once. */
export const judgeNames = ({ judges }: Config): readonly string[] => [
  ...new Set(judges.map(judgeName)),
]

/**
 * Whoever opens it closes it.
 * @throws Error when the file of its password or token can't be read
 */
export function openJudge(settings: JudgeConfig, { onFact, now }: JudgeSurroundings): Judge {
  if (settings.kind === 'headers')
    return headersJudge({ field: settings.field, believes: inRanges(settings.from) })
  const judge = judgeName(settings)
  const { maxSizeBytes, atATime, answerSizeBytes: answerLimitBytes } = settings
  const onChange = ({ server, down: why }: ServerChange): void =>
    onFact(
      why === undefined
        ? { kind: 'judgeServerBack', at: now(), judge, server }
        : { kind: 'judgeServerDown', at: now(), judge, server, why },
    )
  const onLeftOut = (transaction: string, what: string): void =>
    onFact({ kind: 'judgeLeftOut', at: now(), transaction, judge, what })
  const common = {
    maxSizeBytes,
    atATime,
    answerLimitBytes,
    connectTimeoutMs: settings.connectTimeoutMs,
    onChange,
    now: performance.now.bind(performance),
  }
  switch (settings.kind) {
    case 'rspamd': {
      const { servers, scan, compression, passwordFile } = settings
      return rspamdJudge({
        ...common,
        servers,
        scan,
        ...(compression === undefined ? {} : { compression }),
        ...(passwordFile === undefined ? {} : { password: passwordIn(passwordFile) }),
        onLeftOut,
      })
    }
    case 'milter': {
      const { name, servers } = settings
      const software = `Rcptwise ${version}`
      return milterJudge({ ...common, name, servers, software, onLeftOut })
    }
    case 'hook': {
      const { name, servers, text } = settings
      return hookJudge({ ...common, name, servers, text, ...credentialsOf(settings), onLeftOut })
    }
    case 'spamd': {
      const { servers, scan, user } = settings
      return spamdJudge({ ...common, servers, scan, ...(user === undefined ? {} : { user }) })
    }
  }
}

function credentialsOf({ tokenFile, user, passwordFile }: HookConfig): {
  readonly credentials?: Credentials
} {
  if (tokenFile !== undefined) return { credentials: { token: passwordIn(tokenFile) } }
  if (user === undefined || passwordFile === undefined) return {}
  return { credentials: { user, password: passwordIn(passwordFile) } }
}
