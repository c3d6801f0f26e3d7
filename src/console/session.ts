/** Who is at the page: asked once, and again when the API wants a token. */
import { type ApiProblem, ask, problemOf } from './api.ts'
import { el, put } from './dom.ts'
import { field, sentenceOf } from './parts.ts'

/** As `GET /api/v1/session` tells it. */
export interface Session {
  /** False: this front-end has no tokens. */
  readonly wantsToken: boolean
  /** Absent with `wantsToken`: log in first. */
  readonly by?: string
  readonly role?: 'read' | 'operate'
  readonly until?: string
}

const path = 'api/v1/session'

export const askSession = async (): Promise<Session> => await ask<Session>(path)

export const isOutside = ({ wantsToken, by }: Session): boolean => wantsToken && by === undefined

export const mayOperate = ({ wantsToken, role }: Session): boolean =>
  !wantsToken || role === 'operate'

export async function logOut(): Promise<void> {
  await ask(path, { method: 'DELETE' })
}

/** A form in place of the views; `done` hears who has come in. */
export function logInForm(done: (session: Session) => void): HTMLElement {
  const failed = el('p', { class: 'notice failed', role: 'alert', hidden: true })
  const token = el('input', {
    type: 'password',
    name: 'token',
    autocomplete: 'current-password',
    required: true,
  })
  const go = el('button', { type: 'submit', class: 'primary' }, 'Log in')
  const submit = async (): Promise<void> => {
    go.disabled = true
    try {
      done(await ask<Session>(path, { method: 'POST', body: { token: token.value.trim() } }))
    } catch (error) {
      put(failed, wordsFor(problemOf(error)))
      failed.hidden = false
      token.select()
    } finally {
      go.disabled = false
    }
  }
  return el(
    'form',
    {
      class: 'login',
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
    el('h2', {}, 'Log in'),
    el(
      'p',
      { class: 'dim' },
      'With one of the tokens that admin.tokens of the configuration names.',
    ),
    field('Token', token),
    failed,
    el('div', { class: 'actions' }, go),
  )
}

const wordsFor = (problem: ApiProblem): string =>
  problem.status === 429
    ? 'Too many wrong tokens came from here: wait a minute.'
    : sentenceOf(problem)
