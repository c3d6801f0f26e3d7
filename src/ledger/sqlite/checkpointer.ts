/**
 * The main thread's side of the checkpoint thread (checkpoint-worker.ts): starts and ends it. Reads
 * and writes no split.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

export interface KeeperOptions {
  readonly path: string
  readonly maxFileBytes?: number | undefined
  /** The file was found to be damaged: it is set aside, and a new one made. */
  readonly damaged: boolean
  /** A larger file is not looked through before it is used. */
  readonly checkedAtStartBytes: number
}

export type KeeperMessage =
  | {
      readonly kind: 'ready'
      readonly unchecked: boolean
      readonly aside?: string
      readonly damage?: string
    }
  | { readonly kind: 'failed'; readonly why: string; readonly refused: boolean }
  | { readonly kind: 'trouble'; readonly why: string; readonly corrupt: boolean }

export type KeeperTrouble = Extract<KeeperMessage, { kind: 'trouble' }>

/** The file is sound as far as was looked, writable, of the newest schema, and kept so. */
export interface Keeper {
  readonly kind: 'kept'
  /** Too large to be looked through before it is used. */
  readonly unchecked: boolean
  /** Where a damaged file was put, and what was wrong with it. */
  readonly aside?: { readonly path: string; readonly damage: string }
  /**
   * Ends the thread, after its last checkpoint. Close the main thread's connection first: the last
   * one to close waits for the disk.
   */
  end(): Promise<void>
}

export type KeeperStart = Keeper | Extract<KeeperMessage, { kind: 'failed' }>

/** The thread's file has the extension of this one: .ts from the sources, .js when built. */
const worker = new URL(`./checkpoint-worker${extname(import.meta.url)}`, import.meta.url)

/**
 * Starts the thread and waits until it has opened the file, or says why not. Never rejects. The
 * thread does not keep the process alive. `onTrouble` hears of a checkpoint that failed and of a
 * thread that ended by itself.
 */
export async function startKeeper(
  options: KeeperOptions,
  onTrouble: (trouble: KeeperTrouble) => void,
): Promise<KeeperStart> {
  const thread = new Worker(worker, { workerData: options })
  const ended = Promise.withResolvers<undefined>()
  let ending = false
  const { promise, resolve } = Promise.withResolvers<KeeperStart>()
  const fail = (why: string): void => {
    resolve({ kind: 'failed', why, refused: false })
    if (!ending) onTrouble({ kind: 'trouble', why, corrupt: false })
  }

  thread.on('message', (message: KeeperMessage) => {
    switch (message.kind) {
      case 'ready':
        thread.unref()
        resolve({
          kind: 'kept',
          unchecked: message.unchecked,
          ...(message.aside === undefined
            ? {}
            : { aside: { path: message.aside, damage: message.damage ?? 'damaged' } }),
          end: async () => {
            ending = true
            thread.ref()
            thread.postMessage('end')
            await ended.promise
          },
        })
        return
      case 'failed':
        ending = true
        resolve(message)
        return
      case 'trouble':
        onTrouble(message)
    }
  })
  thread.on('error', (error) => {
    fail(`the checkpoint thread failed: ${error instanceof Error ? error.message : String(error)}`)
  })
  thread.on('exit', () => {
    fail('the checkpoint thread ended')
    ended.resolve(undefined)
  })
  return await promise
}
