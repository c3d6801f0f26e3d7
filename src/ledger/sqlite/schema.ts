/** The tables of the SQLite ledger, how they came to be, and how a file is recognised. */
import type { DatabaseSync } from 'node:sqlite'

/**
 * One entry a schema version, in order; a released one is never changed. `PRAGMA user_version`
 * counts those applied.
 *
 * split: one row a split, whole in `body` (JSON); the other columns only find it. `state` is 0
 * while the rows of `member` are being written, 1 open, 2 closed. member: who takes part in which
 * open split, so that a recall is one look into one index. tally: counts kept by triggers, so that
 * neither a count nor the bound has to look at all splits, whichever process wrote them.
 */
export const migrations: readonly string[] = [
  `
  create table split (
    seq integer primary key,
    id text not null unique,
    version integer not null,
    state integer not null,
    peer text not null,
    strategy text not null,
    started_at integer not null,
    last_attempt_at integer not null,
    closed_at integer,
    members text not null,
    bytes integer not null,
    body text not null
  ) strict;
  create index split_started on split (started_at) where state = 1;
  create index split_attempt on split (last_attempt_at) where state = 1;
  create index split_closed on split (state, closed_at) where closed_at is not null;

  create table member (
    split integer not null,
    reverse_path text not null,
    recipient text not null,
    primary key (split, recipient)
  ) strict, without rowid;
  create index member_recall on member (reverse_path, recipient, split);

  create table tally (
    state integer not null,
    peer text not null,
    strategy text not null,
    splits integer not null,
    bytes integer not null,
    primary key (state, peer, strategy)
  ) strict, without rowid;
  create trigger split_added after insert on split begin
    insert into tally values (new.state, new.peer, new.strategy, 1, new.bytes)
      on conflict do update set splits = splits + 1, bytes = bytes + excluded.bytes;
  end;
  create trigger split_removed after delete on split begin
    update tally set splits = splits - 1, bytes = bytes - old.bytes
      where state = old.state and peer = old.peer and strategy = old.strategy;
  end;
  create trigger split_changed after update of state, bytes on split
    when old.state <> new.state or old.bytes <> new.bytes
  begin
    update tally set splits = splits - 1, bytes = bytes - old.bytes
      where state = old.state and peer = old.peer and strategy = old.strategy;
    insert into tally values (new.state, new.peer, new.strategy, 1, new.bytes)
      on conflict do update set splits = splits + 1, bytes = bytes + excluded.bytes;
  end;

  create table strategy_override (
    peer text primary key,
    strategy text not null,
    until integer,
    set_at integer not null,
    set_by text not null
  ) strict, without rowid;

  create table file (
    identity text not null,
    touched integer not null
  ) strict;
  insert into file values (lower(hex(randomblob(16))), 0);
  `,
  // sender: what was learned of each, whole in `body` (JSON), empty for one that was forgotten;
  // `changed` counts the writes.
  `
  create table sender (
    name text primary key,
    changed integer not null,
    pinned integer not null,
    body text not null
  ) strict, without rowid;
  create index sender_changed on sender (changed);
  `,
  // opener: open splits by whose reverse-path (kind 1) and by whose host (kind 2) they were opened,
  // kept by triggers.
  `
  alter table split add column reverse_path text not null default '';
  alter table split add column client text not null default '';
  create table opener (
    kind integer not null,
    name text not null,
    splits integer not null,
    bytes integer not null,
    primary key (kind, name)
  ) strict, without rowid;
  create trigger split_opened after insert on split when new.state <> 2 begin
    insert into opener values (1, new.reverse_path, 1, new.bytes), (2, new.client, 1, new.bytes)
      on conflict do update set splits = splits + 1, bytes = bytes + excluded.bytes;
  end;
  create trigger split_grown after update of bytes on split when new.state <> 2 and old.state <> 2 and old.bytes <> new.bytes begin
    update opener set bytes = bytes + new.bytes - old.bytes
      where (kind = 1 and name = new.reverse_path) or (kind = 2 and name = new.client);
  end;
  create trigger split_ended after update of state on split when new.state = 2 and old.state <> 2 begin
    update opener set splits = splits - 1, bytes = bytes - old.bytes
      where (kind = 1 and name = old.reverse_path) or (kind = 2 and name = old.client);
    delete from opener where splits <= 0 and ((kind = 1 and name = old.reverse_path) or (kind = 2 and name = old.client));
  end;
  create trigger split_reopened after update of state on split when new.state <> 2 and old.state = 2 begin
    insert into opener values (1, new.reverse_path, 1, new.bytes), (2, new.client, 1, new.bytes)
      on conflict do update set splits = splits + 1, bytes = bytes + excluded.bytes;
  end;
  create trigger split_dropped after delete on split when old.state <> 2 begin
    update opener set splits = splits - 1, bytes = bytes - old.bytes
      where (kind = 1 and name = old.reverse_path) or (kind = 2 and name = old.client);
    delete from opener where splits <= 0 and ((kind = 1 and name = old.reverse_path) or (kind = 2 and name = old.client));
  end;
  `,
  // being_checked: a process looks through the file, or will (decision 127).
  `
  alter table file add column being_checked integer not null default 0;
  `,
  // opening: of which senders a first split was opened last, counted by `n`, kept by a trigger
  // whoever writes; the last one always stays. The senders of rows that are older than their column
  // are filled in, so that whoever is in no row of `opener` has nothing open.
  `
  update split set reverse_path = json_extract(body, '$.reversePath')
    where reverse_path = '' and json_valid(body) and json_type(body, '$.reversePath') = 'text';
  delete from opener where kind = 1;
  insert into opener select 1, reverse_path, count(*), total(bytes) from split where state <> 2 group by reverse_path;
  create table opening (
    n integer primary key,
    name text not null
  ) strict;
  insert into opening values (0, '');
  create trigger opener_added after insert on opener when new.kind = 1 begin
    insert into opening (name) values (new.name);
  end;
  create trigger opening_trimmed after insert on opening when new.n % 100 = 0 begin
    delete from opening where n <= new.n - 500;
  end;
  `,
]

/** "rcpt", so that `file` and this program know a ledger from any other database. */
const applicationId = 0x72637074

/**
 * A file that is not to be written: made by a newer release, or not a ledger at all. The message
 * says what to do.
 */
export class RefusedLedgerError extends Error {
  override readonly name = 'RefusedLedgerError'
}

/**
 * Brings the database to the newest schema, in one transaction.
 * @throws RefusedLedgerError, and what SQLite throws for a file that can't be read or written.
 */
export function migrate(database: DatabaseSync, path: string): void {
  if (pragma(database, 'user_version') === migrations.length) {
    refuseForeign(database, path)
    return
  }
  database.exec('begin immediate')
  try {
    refuseForeign(database, path)
    const version = pragma(database, 'user_version')
    if (version > migrations.length) {
      throw new RefusedLedgerError(
        `${path} has ledger schema ${version}, and this release knows schemas up to ${migrations.length}: ` +
          'run the newer release that wrote it, or name another file in the configuration (ledger)',
      )
    }
    for (const migration of migrations.slice(version)) database.exec(migration)
    database.exec(
      `pragma application_id = ${applicationId}; pragma user_version = ${migrations.length}; commit`,
    )
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

function refuseForeign(database: DatabaseSync, path: string): void {
  if (pragma(database, 'application_id') === applicationId) return
  if (database.prepare('select 1 from sqlite_schema').get() === undefined) return
  throw new RefusedLedgerError(
    `${path} is a SQLite database, but not a ledger: name another file in the configuration (ledger)`,
  )
}

/** The value of a pragma that is one whole number. */
export function pragma(database: DatabaseSync, name: string): number {
  const row = database.prepare(`pragma ${name}`).get() ?? {}
  return Number(Object.values(row)[0])
}
