/** A question in front of the page, as the browser's own dialog: Escape and Tab are its work. */
import { problemOf } from './api.ts'
import { type Child, el, put } from './dom.ts'
import { reasonField } from './reason-field.ts'
import { sentenceOf } from './parts.ts'

export interface Question {
  readonly title: string
  readonly body: readonly Child[]
  /** On the button that does it. */
  readonly yes: string
  readonly danger?: boolean
  /** What it does, and why; what it throws is said in the dialog, which stays. */
  readonly act: (reason: string) => Promise<void>
}

export function askInDialog({ title, body, yes, danger = false, act }: Question): void {
  const failed = el('p', { class: 'notice failed', role: 'alert', hidden: true })
  const go = el('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, yes)
  const why = reasonField()
  const close = (): void => dialog.close()
  const submit = async (): Promise<void> => {
    go.disabled = true
    try {
      await act(why.reason())
      dialog.close()
    } catch (error) {
      put(failed, sentenceOf(problemOf(error)))
      failed.hidden = false
      go.disabled = false
    }
  }
  const dialog: HTMLDialogElement = el(
    'dialog',
    { 'aria-labelledby': 'dialog-title' },
    el(
      'form',
      {
        method: 'dialog',
        onsubmit: (event) => {
          event.preventDefault()
          void submit()
        },
      },
      el('h2', { id: 'dialog-title' }, title),
      body,
      why.element,
      failed,
      el(
        'div',
        { class: 'actions' },
        el('button', { type: 'button', onclick: close }, 'Cancel'),
        go,
      ),
    ),
  )
  openDialog(dialog)
}

/** Only to be read. */
export function tellInDialog(title: string, ...body: readonly Child[]): void {
  const dialog: HTMLDialogElement = el(
    'dialog',
    { 'aria-labelledby': 'dialog-title' },
    el('h2', { id: 'dialog-title' }, title),
    body,
    el(
      'div',
      { class: 'actions' },
      el('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'Close'),
    ),
  )
  openDialog(dialog)
}

function openDialog(dialog: HTMLDialogElement): void {
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}

export const isDialogOpen = (): boolean => document.querySelector('dialog[open]') !== null
