/**
 * What the keys of the ledger begin with. Each shard has a hash tag, so that its keys are in one
 * slot of a cluster and a script may use several of them (decision 122). Pure.
 */
import { spreadTags } from '../../redis/slots.ts'

/**
 * Counts changes in what is stored and where; an older release's keys are not touched, and end by
 * themselves.
 */
const layout = 3

/** What is on a cluster is in so many shards: enough for sixteen nodes that have to work. */
const shardsOfCluster = 16

export const oneBase = (prefix: string): string => `{${prefix}${layout}}:`

export const clusterBases = (prefix: string): readonly string[] =>
  spreadTags(`${prefix}${layout}`, shardsOfCluster).map((tag) => `{${tag}}:`)
