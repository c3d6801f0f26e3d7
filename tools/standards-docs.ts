/**
 * Writes docs/standards.md from what the comments of src cite: `node tools/standards-docs.ts`. A
 * test fails when the page is stale, and when a citation has another form.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const standardsPage = fileURLToPath(new URL('../docs/standards.md', import.meta.url))
const src = fileURLToPath(new URL('../src', import.meta.url))

/** What may be cited. A number that is not here is a slip of the pen, or wants its line. */
const titles: Readonly<Record<string, string>> = {
  1035: 'Domain Names: Implementation and Specification',
  1047: 'Duplicate Messages and SMTP',
  1123: 'Requirements for Internet Hosts: Application and Support',
  1870: 'SMTP Service Extension for Message Size Declaration',
  2033: 'Local Mail Transfer Protocol',
  2034: 'SMTP Service Extension for Returning Enhanced Error Codes',
  2046: 'MIME Part Two: Media Types',
  2369: 'URLs for Core Mail List Commands in Message Header Fields',
  2606: 'Reserved Top Level DNS Names',
  2782: 'A DNS RR for Specifying the Location of Services (DNS SRV)',
  2852: 'Deliver By SMTP Service Extension',
  2919: 'List-Id',
  2920: 'SMTP Service Extension for Command Pipelining',
  3030: 'SMTP Service Extensions for Transmission of Large and Binary MIME Messages',
  3207: 'SMTP Service Extension for Secure SMTP over TLS',
  3461: 'SMTP Service Extension for Delivery Status Notifications',
  3463: 'Enhanced Mail System Status Codes',
  3464: 'An Extensible Message Format for Delivery Status Notifications',
  3834: 'Recommendations for Automatic Responses to Electronic Mail',
  3848: 'ESMTP and LMTP Transmission Types Registration',
  4291: 'IP Version 6 Addressing Architecture',
  4422: 'Simple Authentication and Security Layer (SASL)',
  4515: 'LDAP: String Representation of Search Filters',
  4954: 'SMTP Service Extension for Authentication',
  5077: 'TLS Session Resumption without Server-Side State',
  5248: 'A Registry for SMTP Enhanced Mail System Status Codes',
  5280: 'Internet X.509 Certificate and CRL Profile',
  5321: 'Simple Mail Transfer Protocol',
  5322: 'Internet Message Format',
  5737: 'IPv4 Address Blocks Reserved for Documentation',
  5802: 'Salted Challenge Response Authentication Mechanism (SCRAM)',
  5890: 'Internationalized Domain Names for Applications: Definitions',
  5952: 'A Recommendation for IPv6 Address Text Representation',
  6066: 'TLS Extensions: Extension Definitions',
  6125: 'Verification of Domain-Based Application Service Identity',
  6152: 'SMTP Service Extension for 8-bit MIME Transport',
  6376: 'DomainKeys Identified Mail (DKIM) Signatures',
  6522: 'The Multipart/Report Media Type',
  6531: 'SMTP Extension for Internationalized Email',
  6532: 'Internationalized Email Headers',
  6533: 'Internationalized Delivery Status and Disposition Notifications',
  6710: 'SMTP Extension for Message Transfer Priorities',
  6750: 'OAuth 2.0: Bearer Token Usage',
  7208: 'Sender Policy Framework (SPF)',
  7504: 'SMTP 521 and 556 Reply Codes',
  7505: 'A "Null MX" Resource Record for Domains That Accept No Mail',
  7617: "The 'Basic' HTTP Authentication Scheme",
  8058: 'One-Click Functionality for List Email Headers',
  8601: 'Message Header Field for Indicating Message Authentication Status',
  8301: 'Cryptographic Algorithm and Key Usage Update to DKIM',
  8314: 'Cleartext Considered Obsolete: TLS for Email Submission and Access',
  8446: 'The Transport Layer Security (TLS) Protocol Version 1.3',
  8689: 'SMTP Require TLS Option',
  8996: 'Deprecating TLS 1.0 and TLS 1.1',
  9110: 'HTTP Semantics',
  9112: 'HTTP/1.1',
  9422: 'The LIMITS SMTP Service Extension',
  9989: 'Domain-Based Message Authentication, Reporting, and Conformance (DMARC)',
}

interface Citation {
  readonly rfc: string
  /** Empty: the document as a whole. */
  readonly section: string
  /** The folder of src that cites it. */
  readonly room: string
}

const citation = /\bRFC (\d{3,5})(?: ((?:\d+|X)(?:\.\d+)*)(?![\w-]))?/g
/** Looks like a citation; a media type or an address type is none. */
const mention = /\brfc(?!822)[^a-z]{0,3}\d+.{0,12}/gi
const sectionInWords = /\bRFC \d+,? ?(?:section|sec\.|chapter|§|#)/gi

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )

/** A comment goes on in its next line. */
const inOneLine = (text: string): string => text.replace(/\s*\n\s*(?:\*|\/\/)?\s*/g, ' ')

const roomOf = (file: string): string => file.split('/').slice(0, -1)[0] ?? file

/** Of one text: what it cites, and what looks like a citation and has another form. */
export function citationsOf(text: string): {
  readonly citations: readonly Omit<Citation, 'room'>[]
  readonly malformed: readonly string[]
} {
  const line = inOneLine(text)
  const citations = [...line.matchAll(citation)].map(([, rfc = '', section = '']) => ({
    rfc,
    section,
  }))
  const odd = [...line.matchAll(mention)]
    .map(([found]) => found)
    .filter((found) => !/^RFC \d{3,5}(?!\d)/.test(found))
  const inWords = [...line.matchAll(sectionInWords)].map(([found]) => found)
  const unknown = citations.filter(({ rfc }) => titles[rfc] === undefined)
  return {
    citations,
    malformed: [...odd, ...inWords, ...unknown.map(({ rfc }) => `RFC ${rfc}: no title`)],
  }
}

/** What is wrong with citations in src, with the file. */
export const malformedCitations = (): string[] =>
  filesOf(src).flatMap((file) =>
    citationsOf(readFileSync(join(src, file), 'utf8')).malformed.map((odd) => `${file}: ${odd}`),
  )

const introduction = `# Standards

The comments of the source cite the documents that the code follows, as \`RFC 5321 4.1.1.4\`: the number, then the section.
This page has them all, with the folders of \`src\` that cite each.
A row without a section is about the document as a whole.
You find a place with \`grep -rn "RFC 5321 4.1.1.4" src\`.

\`node tools/standards-docs.ts\` makes this page from the comments.
`

const byNumber = (one: string, other: string): number =>
  one.localeCompare(other, 'en', { numeric: true })

function rowsOf(rfc: string, citations: readonly Citation[]): string[] {
  const sections = [...Map.groupBy(citations, (one) => one.section)].sort(([one], [other]) =>
    byNumber(one, other),
  )
  const link = `[RFC ${rfc}](https://www.rfc-editor.org/rfc/rfc${rfc}) ${titles[rfc] ?? ''}`
  return sections.map(([section, cited], i) => {
    const folders = [...new Set(cited.map(({ room }) => `\`${room}\``))].sort().join(', ')
    return `| ${i === 0 ? link : ''} | ${section} | ${folders} |`
  })
}

export function renderStandardsPage(): string {
  const all = filesOf(src).flatMap((file) =>
    citationsOf(readFileSync(join(src, file), 'utf8')).citations.map((one): Citation => ({
      ...one,
      room: roomOf(file),
    })),
  )
  const documents = [...Map.groupBy(all, ({ rfc }) => rfc)].sort(([one], [other]) =>
    byNumber(one, other),
  )
  const rows = documents.flatMap(([rfc, cited]) => rowsOf(rfc, cited))
  return `${introduction}\n| document | section | cited in |\n|---|---|---|\n${rows.join('\n')}\n`
}

if (import.meta.main) writeFileSync(standardsPage, renderStandardsPage())
