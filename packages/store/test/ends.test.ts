import { CLOSE_CODES, encodeFrames, MAX_MESSAGE_BYTES, type FailureCode } from '@syncline/protocol'
import { expect, test } from 'vitest'
import type { Status, Transport } from '../src/index.ts'
import { createWorld } from './world.ts'

const WAIT_MS = 5_000

/** A relay that ends every connection, having said why or not. */
function ending(code: FailureCode | undefined, closeCode: number, reason: string): Transport {
  return {
    connect({ onOpen, onMessage, onClose }) {
      queueMicrotask(() => {
        onOpen()
        if (code !== undefined) {
          const failure = { type: 'failure', channel: 0, code, message: 'In words.', retryAfterMs: WAIT_MS } as const
          onMessage(encodeFrames([failure], MAX_MESSAGE_BYTES)[0]!)
        }
        onClose(closeCode, reason)
      })
      return { bufferedBytes: 0, send: () => undefined, close: () => undefined }
    },
  }
}

const failures = Object.entries(CLOSE_CODES) as [FailureCode, number][]

test.each(failures)(
  '[ST23] a connection that ends with %s says so, and waits as long as it is asked to',
  async (code, closeCode) => {
    const world = await createWorld(3)
    const store = await world.open({ transport: ending(code, closeCode, code) })
    await world.clock.pass(0)
    const { link, problem, retryAtMs }: Status = store.status
    expect({ link, problem }).toEqual({ link: 'waiting', problem: { code, message: 'In words.' } })
    expect(retryAtMs! - world.clock.nowMs()).toBeGreaterThanOrEqual(WAIT_MS)
    expect(retryAtMs! - world.clock.nowMs()).toBeLessThanOrEqual(WAIT_MS + 500)
    await world.clock.pass(WAIT_MS - 1)
    expect(store.status.link).toBe('waiting')
    await world.close()
    expect(world.clock.timers).toBe(0)
  },
)

test.each([
  [1005, '', 'unreachable', 'cannot be reached'],
  [1006, '', 'unreachable', 'cannot be reached'],
  [1000, '', 'closed-1000', '(1000)'],
  [1012, 'restart', 'closed-1012', '(1012: restart)'],
  [4999, 'of a proxy', 'closed-4999', '(4999: of a proxy)'],
])('[ST23] one that is closed with %i and no word of the relay says that', async (closeCode, reason, code, words) => {
  const world = await createWorld(3)
  const store = await world.open({ transport: ending(undefined, closeCode, reason) })
  await world.clock.pass(0)
  expect(store.status).toMatchObject({ link: 'waiting', problem: { code, message: expect.stringContaining(words) } })
  expect(store.status.retryAtMs! - world.clock.nowMs()).toBeLessThanOrEqual(500)
  await world.close()
})
