/** One peer class: how it is served, since when and until when, and serving it another way. */
import type { PeerJson } from '../../admin/schemas.ts'
import { configurableStrategies } from '../../strategy/names.ts'
import { ask, segment } from '../api.ts'
import { askInDialog } from '../dialog.ts'
import { type Child, el } from '../dom.ts'
import { badge, facts } from '../parts.ts'
import type { ViewContext } from '../view.ts'
import { clock, spell } from '../words.ts'
import { strategyForm } from './strategy-form.ts'

export interface AsideContext extends ViewContext {
  readonly close: () => void
}

export function peerParts(peer: PeerJson, context: AsideContext): Child {
  const { name, override, configured, inForce } = peer
  return [
    asideHead(name, 'peer class', context.close),
    override === undefined
      ? el('p', {}, badge(inForce), ' as configured. ', peer.meanings[inForce] ?? '')
      : el('p', {}, badge(inForce, 'info'), ` set by hand; the configuration says ${configured}.`),
    notYetIn(peer.notYet),
    facts([
      override && ['Set', `${clock(Date.parse(override.setAt), Date.now())} by ${override.by}`],
      override && ['Until', untilOf(override.until)],
      ['Holds', peer.match],
      ['Defers with', `${peer.deferCode}, come again in ${peer.retryHintSeconds} s`],
      peer.shadow === undefined ? undefined : ['Counts beside it', peer.shadow],
    ]),
    context.mayOperate() ? changes(peer, context) : onlyRead(),
  ]
}

function changes(
  { name, configured, inForce, override, meanings }: PeerJson,
  context: AsideContext,
): Child {
  const { say, sources } = context
  const path = `api/v1/peers/${segment(name)}/strategy`
  return [
    el('h4', {}, 'Change'),
    strategyForm({
      names: configurableStrategies,
      now: inForce,
      meanings,
      yes: (strategy) => `Serve ${name} with ${strategy}`,
      act: async ({ strategy, for: long, reason }) => {
        const body = { strategy, ...timeIn(long), ...reasonIn(reason) }
        const set = await ask<PeerJson>(path, { method: 'PUT', body })
        say(`${name} is served with ${set.inForce}${notYetWords(set.notYet)}.`)
        await sources.peers.refresh()
      },
    }),
    override === undefined
      ? undefined
      : el(
          'button',
          {
            type: 'button',
            onclick: () =>
              askInDialog({
                title: `Serve ${name} as configured?`,
                yes: `Back to ${configured}`,
                body: [el('p', {}, meanings[configured] ?? '')],
                act: async (reason) => {
                  await ask<PeerJson>(path, { method: 'DELETE', query: { reason } })
                  say(`${name} is served as configured, with ${configured}.`)
                  await sources.peers.refresh()
                },
              }),
          },
          `Back to ${configured}, as configured …`,
        ),
  ]
}

/** Why somebody changes something, for the audit log. */
export const reasonIn = (reason: string): { readonly reason?: string } =>
  reason === '' ? {} : { reason }

/** For how long; empty: without an end. */
export const timeIn = (time: string): { readonly for?: string } =>
  time === '' ? {} : { for: time }

export const asideHead = (name: Child, what: string, close: () => void): HTMLElement =>
  el(
    'div',
    { class: 'aside-head' },
    el('h3', {}, name, el('small', {}, ` ${what}`)),
    el('button', { type: 'button', class: 'close', 'aria-label': 'Close', onclick: close }, '×'),
  )

export const onlyRead = (): HTMLElement =>
  el('p', { class: 'dim' }, 'Your token may read, and change nothing.')

export const untilOf = (until: string | undefined): string =>
  until === undefined
    ? 'somebody changes it'
    : `${clock(Date.parse(until), Date.now())}, ${spell(Date.parse(until) - Date.now())} more`

const notYetIn = (notYet: readonly string[] = []): Child =>
  notYet.length === 0 ? undefined : el('p', { class: 'notice failed' }, notYet.join('; '))

export const notYetWords = (notYet: readonly string[] = []): string =>
  notYet.length === 0 ? '' : `, but not yet everywhere: ${notYet.join('; ')}`
