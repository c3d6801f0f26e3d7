/**
 * Reports of refusals as configured: who may vouch for a sender, and how many one sender may have.
 */
import type { Backend } from '../backend/backend.ts'
import { backendBounces } from '../bounce/backend-bounces.ts'
import type { Bounces } from '../bounce/bounce.ts'
import { SenderAllowance } from '../bounce/sender-allowance.ts'
import type { Config } from '../config/config.ts'
import type { SharedRates } from '../listen/shared-limits.ts'
import { KnownAnswers } from '../sender-auth/known-answers.ts'
import { createVoucher, dnsResolve } from '../sender-auth/spf-dkim.ts'
import type { QuestionAllowance } from '../sender-auth/questions.ts'
import type { SenderAuthenticator } from '../sender-auth/sender-auth.ts'

export function configuredVoucher(
  config: Config,
  allowance: QuestionAllowance,
  now: () => number,
): SenderAuthenticator {
  const { vouchedBy, dnsServers, dnsTimeoutMs, dnsQuestions, dkimSignatures } = config.bounces
  const { dnsKeepMs: keptMs, dnsKeptBytes: mostOctets } = config.bounces
  return createVoucher({
    by: vouchedBy,
    hostname: config.hostname,
    limitMs: dnsTimeoutMs,
    headerBytes: config.limits.headerBytes,
    mostSignatures: dkimSignatures,
    mostQuestions: dnsQuestions,
    allowance,
    known: new KnownAnswers({ keptMs, mostOctets, now }),
    resolve: dnsResolve(dnsServers, dnsTimeoutMs),
  })
}

/** How many reports a sender may have, of all processes together. */
export function senderAllowance(
  { limits }: Config,
  now: () => number,
  shared: SharedRates,
): SenderAllowance {
  const allowance = new SenderAllowance(limits.bouncesPerHour, now)
  const name = 'bounces_per_hour'
  allowance.onTaken = (sender, amount) =>
    shared.took({ name, count: allowance.perHour, perMs: hourMs }, sender, amount)
  shared.onElsewhere((rate, sender, amount) => {
    if (rate.name === name) allowance.takenElsewhere(sender, amount)
  })
  return allowance
}

const hourMs = 3_600_000

export function configuredBounces(
  config: Config,
  parts: {
    readonly backend: Backend
    readonly voucher: SenderAuthenticator
    readonly allowance: SenderAllowance
    readonly newId: () => string
    readonly now: () => number
  },
): Bounces {
  const { limits, hostname, bounces } = config
  return backendBounces({
    ...parts,
    hostname,
    headerBytes: limits.headerBytes,
    wholeTextBytes: bounces.wholeTextBytes,
  })
}
