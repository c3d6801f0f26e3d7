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

/** What the keys of each shard begin with; on one server there is one shard. */
export const basesOf = (
  place: 'server' | 'sentinel' | 'cluster',
  prefix: string,
): readonly string[] =>
  (place === 'cluster'
    ? spreadTags(`${prefix}${layout}`, shardsOfCluster)
    : [`${prefix}${layout}`]
  ).map((tag) => `{${tag}}:`)
