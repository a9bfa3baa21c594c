import { lww } from '@syncline/merge'
import { openStore } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { WebSocket } from 'ws'
import { type Connect, SEATS } from './decider.ts'

const relay = { arbiter: 'relay' } as const
const seats = lww('taken', 0, relay)

/** Whole stores, in one of which a show is a space: who takes seats of it has it open, and is told of each that is taken. */
export const connect: Connect = async (port, clients) => {
  const stores = new Map<string, ReturnType<typeof open>>()
  const storeOf = (client: number, show: number): ReturnType<typeof open> => {
    const key = `${client} ${show}`
    const store = stores.get(key) ?? open(port, show)
    stores.set(key, store)
    return store
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => storeOf(client, 0)))
  return {
    async take(client, show) {
      const store = await storeOf(client, show)
      const receipt = await store.transactAsync((tx) => {
        const taken = tx.get(seats)
        if (taken >= SEATS) throw new Error('There are no seats left.')
        tx.set(seats, taken + 1)
      }, relay)
      await receipt.synced()
    },
    async taken(shows) {
      const counts = Array.from({ length: shows }, async (_, show) => {
        const store = await open(port, show)
        await store.synced()
        const taken = store.get(seats)
        await store.close()
        return taken
      })
      return (await Promise.all(counts)).reduce((sum, taken) => sum + taken, 0)
    },
    async close() {
      for (const store of stores.values()) await (await store).close()
    },
  }
}

async function open(port: number, show: number) {
  const store = await openStore({
    space: `show ${show}`,
    transport: websocket(`ws://127.0.0.1:${port}/sync`, { WebSocket }),
  })
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (store.status.link !== 'online') return
      stop()
      resolve()
    }
    const stop = store.onStatus(look)
    look()
  })
  return store
}
