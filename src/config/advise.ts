/** What is allowed and still seldom meant: advice for whoever wrote the file. Refuses nothing. */
import { isLoopback } from './addresses.ts'
import type { Policy } from '../verdict/policy.ts'
import type { Config } from './config.ts'
import type { Report } from './report.ts'

/** Reports what is allowed and still seldom meant; `written` tells whether the file has a key. */
export function advise(config: Config, written: (key: string) => boolean, report: Report): void {
  const local = config.listen.every(({ host }) => isLoopback(host))
  if (!local && !written('hostname') && !config.hostname.includes('.')) {
    report(
      ['hostname'],
      `the host calls itself ${config.hostname}, which is no full name; set it, clients see it`,
    )
  }
  if (!local && !written('backend')) {
    report(
      ['backend'],
      `is missing: mail is kept in ${config.backend.servers[0].url}; name the server behind`,
    )
  }
  const scored = config.judges.some(({ kind }) => kind !== 'hook' && kind !== 'milter')
  const asked = config.judges.length === 0 && written('judges')
  if (!scored && !asked && config.lastWord === 'judges') adviseJudges(config, report)
  if (config.quarantine === undefined) {
    for (const policy of config.policies.values()) {
      const all = [policy, ...Object.values(policy.scorers ?? {})]
      if (all.every(({ quarantineAt }) => quarantineAt === undefined)) continue
      report(
        ['policies', policy.name, 'quarantine_at'],
        'messages will be tagged, because quarantine.address is not set',
      )
    }
    for (const [i, peer] of config.peers.entries()) {
      if (peer.lenientAs !== 'quarantine') continue
      report(
        ['peers', i, 'lenient_as'],
        'messages will be tagged, because quarantine.address is not set',
      )
    }
  }
  if (config.limits.recipients < 100) {
    report(['limits', 'recipients'], 'RFC 5321 4.5.3.1.8 wants room for 100 recipients')
  }
  if (config.timeouts.replyMs >= 600_000) {
    report(
      ['timeouts', 'reply'],
      'clients give up after 10 minutes and send again (RFC 5321 4.5.3.2.6); stay below',
    )
  }
}

/** Policies say from which score on; without a judge there is none. */
function adviseJudges({ policies, judges }: Config, report: Report): void {
  const names = [...policies.values()].filter(comparesScores).map(({ name }) => name)
  if (names.length === 0) return
  const compared = `nothing is compared with the thresholds of ${names.join(', ')}`
  if (judges.length > 0)
    return report(
      ['judges'],
      `has none that gives a score: ${compared}; add rspamd, spamd or headers`,
    )
  report(
    ['judges'],
    `is missing: ${compared}, and all mail is accepted; name a judge, or write judges: [] or last_word: backend`,
  )
}

const comparesScores = ({ tagAt, quarantineAt, rejectAt }: Policy): boolean =>
  [tagAt, quarantineAt, rejectAt].some((threshold) => threshold !== undefined)
