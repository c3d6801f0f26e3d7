import { expect, test } from 'vitest'
import { whyAutomatic } from '../../src/dsn/automatic.ts'
import { readFields } from '../../src/message/header-fields.ts'

test.each([
  ['ann@example.org', 'Subject: hello', undefined],
  ['', 'Subject: hello', 'null sender'],
  ['MAILER-DAEMON@example.org', '', 'list'],
  ['owner-members@example.org', '', 'list'],
  ['members-request@example.org', '', 'list'],
  ['members-owner@example.org', '', 'list'],
  ['members-bounces@example.org', '', 'list'],
  ['members-bounces+ann=example.net@example.org', '', 'list'],
  ['bounce+1234@example.org', '', 'list'],
  ['members-return-12-ann=example.net@example.org', '', 'list'],
  ['requests@example.org', '', undefined],
  ['bouncer@example.org', '', undefined],
  ['ann+owner@example.org', '', undefined],
  ['ann@example.org', 'List-Id: <members.example.org>', 'list'],
  ['ann@example.org', 'LIST-UNSUBSCRIBE: <mailto:off@example.org>', 'list'],
  ['ann@example.org', 'X-List-Id: me', undefined],
  ['ann@example.org', 'Precedence: bulk', 'list'],
  ['ann@example.org', 'Precedence:\r\n junk', 'list'],
  ['ann@example.org', 'Precedence: first-class', undefined],
  ['ann@example.org', 'Auto-Submitted: auto-replied (vacation)', 'automatic'],
  ['ann@example.org', 'Auto-Submitted: no', undefined],
  ['ann@example.org', 'auto-submitted: NO; x=y', undefined],
  [
    'ann@example.org',
    'Content-Type: multipart/report; report-type=disposition-notification',
    'automatic',
  ],
  ['ann@example.org', 'Content-Type: multipart/mixed', undefined],
  ['ann@example.org', 'X-Auto-Response-Suppress: DR, OOF, NDR', 'automatic'],
  ['ann@example.org', 'X-Auto-Response-Suppress: OOF', undefined],
])('%s, %j', (from, header, expected) => {
  expect(
    whyAutomatic(from, readFields(Buffer.from(`Received: by mx\r\n${header}\r\n`))?.all ?? []),
  ).toBe(expected)
})
