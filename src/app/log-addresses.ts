/** What the log may say of mail addresses, as `log.addresses` wants it. */
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { addressKeeper } from '../history/addresses.ts'
import { ownKey } from '../history/key-file.ts'
import type { KeepAddress } from '../log/hidden-addresses.ts'

/**
 * Undefined: all of it. The key of hashes is the history's own, so that both call an address the
 * same; it is read at the first address, when the user and the directory are what they will be.
 */
export function keptOfAddresses({ log, history, dataDirectory }: Config): KeepAddress | undefined {
  if (log.addresses === 'full') return undefined
  const byDomain = addressKeeper('domain', Buffer.alloc(0)).keep
  if (log.addresses === 'domain') return byDomain
  let keep: KeepAddress | undefined
  return (address) => {
    keep ??= hashing(history?.path ?? join(dataDirectory, 'log')) ?? byDomain
    return keep(address)
  }
}

/** Without its key nobody can hash: then the domain alone is told. */
function hashing(path: string): KeepAddress | undefined {
  try {
    return addressKeeper('hash', ownKey(path)).keep
  } catch {
    return undefined
  }
}
