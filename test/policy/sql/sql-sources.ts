/** A database as a source, without what the product puts around it. */
import type { AliasSource } from '../../../src/policy/aliases/alias.ts'
import { aliasesRead, keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import type { PolicySource } from '../../../src/policy/policy-source.ts'
import { type Database, sqlStore } from '../../../src/policy/sql/sql-store.ts'

export const sqlSource = (database: Database): PolicySource =>
  keyedSource(sqlStore(database, policiesRead), policiesRead)

export const sqlAliases = (database: Database): AliasSource =>
  keyedSource(sqlStore(database, aliasesRead), aliasesRead)
