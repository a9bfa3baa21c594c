import { indexedDb } from '@syncline/idb'
import { signOut, storageOf, type SignOutOptions } from '@syncline/idb/principals'
import { createRelay, createMemoryStorage, type Relay } from '@syncline/relay'
import { lww } from '@syncline/merge'
import { createFrameReader, decodeEntry, MAX_PACKET_BYTES } from '@syncline/protocol'
import type { Clock, Connection, Storage, Store, StoreOptions, Transport } from '@syncline/store'
import type { Machine } from './disks.ts'

/** A relay that takes a credential for the principal that it names. `refuse` may give the code of the refusal. */
export function relayOf(
  refuse?: (principal: string, addresses: readonly string[]) => boolean | string,
  clock?: Clock,
): Relay {
  return createRelay({
    storage: createMemoryStorage(),
    ...(clock && { clock }),
    authenticate: (credential) => ({ principal: new TextDecoder().decode(credential) }),
    ...(refuse && {
      refuse: ({ touched }, { principal }) => {
        const addresses = touched.map(({ address }) => address)
        const found = refuse(principal, addresses)
        return found === false ? undefined : { code: found === true ? 'forbidden' : found, message: 'No.' }
      },
    }),
  })
}

/** A way to it, which can be cut: as soon as Changes have come up, for one. */
export function wayTo(relay: Relay): Transport & { isWhole: boolean; onChanges: (() => void) | undefined } {
  const way = {
    isWhole: true,
    onChanges: undefined as (() => void) | undefined,
    connect(events: Parameters<Transport['connect']>[0]): Connection {
      let side: ReturnType<Relay['accept']> | undefined
      let isOver = false
      const reader = createFrameReader({ maxPacketBytes: MAX_PACKET_BYTES })
      const end = (code: number, reason: string): void => {
        if (isOver) return
        isOver = true
        side?.onClose()
        events.onClose(code, reason)
      }
      const later = (work: () => void): void => void setImmediate(() => (isOver ? undefined : work()))
      later(() => {
        if (!way.isWhole) return end(1006, '')
        side = relay.accept({
          bufferedBytes: 0,
          send: (message) => later(() => (way.isWhole ? events.onMessage(message.slice()) : end(1006, ''))),
          close: (code, reason) => later(() => end(code ?? 1000, reason ?? '')),
        })
        events.onOpen()
      })
      return {
        bufferedBytes: 0,
        send(message) {
          const copy = message.slice()
          later(() => {
            if (!way.isWhole) return end(1006, '')
            side?.onMessage(copy)
            if (reader.push(copy).some(({ type }) => type === 'changes')) way.onChanges?.()
          })
        },
        close: (code = 1000, reason = '') => later(() => end(code, reason)),
      }
    },
  }
  return way
}

/** Opens the store of a principal, in a tab of its own. */
export const openAs = (
  machine: Machine,
  principal: string | null,
  options: Partial<StoreOptions> = {},
): Promise<Store> =>
  machine.open({
    storage: indexedDb(storageOf('app', principal), machine.surroundings()),
    credential: () => new TextEncoder().encode(principal ?? ''),
    ...options,
  })

/** Signs a principal out. */
export const leave = (machine: Machine, principal: string | null, options: SignOutOptions) =>
  machine.until(signOut(storageOf('app', principal), { surroundings: machine.surroundings(), ...options }))

const filler = lww('filler', '', { arbiter: 'browser' })

/** Puts a checkpoint in place of all that is in the log of a principal. */
export async function compact(machine: Machine, principal: string | null, space = 'board'): Promise<void> {
  const name = storageOf('app', principal)
  const storage = indexedDb(name, machine.surroundings())
  const openLog: Storage['openLog'] = async (of) => ({ ...(await storage.openLog(of)), worthBytes: 1 })
  const store = await openAs(machine, principal, { space, storage: { ...storage, openLog } })
  await machine.run(400)
  const isParts = async (): Promise<boolean> =>
    (await kindsOf(machine, name, space)).every((kind) => kind === 'cells' || kind === 'rows' || kind === 'rest')
  // What has come since the last one must be more than that, which may have as much of this.
  for (let times = 0; times < 3 && !(await isParts()); times++) {
    const much = (store.get(filler).startsWith('x') ? 'y' : 'x').repeat(100_000)
    await machine.until(store.transactAsync((tx) => tx.set(filler, much), { arbiter: 'browser', undo: false }))
    await machine.run(400)
  }
  await machine.until(store.close())
  if (!(await isParts())) throw new Error('It was not compacted.')
}

/** Of which kinds the entries of a space are. */
export async function kindsOf(machine: Machine, name: string, space = 'board'): Promise<readonly string[]> {
  const log = await machine.until(indexedDb(name, machine.surroundings()).openLog(space))
  const kinds: string[] = []
  await machine.until(log.read(0, (entry) => void kinds.push(decodeEntry(entry).kind)))
  await machine.until(log.close())
  return kinds
}
