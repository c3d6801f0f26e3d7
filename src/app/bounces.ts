/** Reports of refusals as configured: who may vouch for a sender, and how many one sender may have. */
import type { Backend } from '../backend/backend.ts'
import { backendBounces } from '../bounce/backend-bounces.ts'
import type { Bounces } from '../bounce/bounce.ts'
import { SenderAllowance } from '../bounce/sender-allowance.ts'
import type { Config } from '../config/config.ts'
import { createVoucher, dnsResolve } from '../vouch/spf-dkim.ts'
import type { Voucher } from '../vouch/vouch.ts'

export function configuredVoucher(config: Config): Voucher {
  const { vouchedBy, dnsServers, dnsTimeoutMs } = config.bounces
  return createVoucher({
    by: vouchedBy,
    hostname: config.hostname,
    limitMs: dnsTimeoutMs,
    headerBytes: config.limits.headerBytes,
    resolve: dnsResolve(dnsServers, dnsTimeoutMs),
  })
}

/** Each worker process has its share of what a sender may have. */
export function configuredBounces(
  config: Config,
  parts: {
    readonly backend: Backend
    readonly voucher: Voucher
    readonly newId: () => string
    readonly now: () => number
  },
): Bounces {
  const { limits, hostname, bounces, workers } = config
  return backendBounces({
    ...parts,
    allowance: new SenderAllowance(Math.ceil(limits.bouncesPerHour / workers), parts.now),
    hostname,
    headerBytes: limits.headerBytes,
    wholeTextBytes: bounces.wholeTextBytes,
  })
}
