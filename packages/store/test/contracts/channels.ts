import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Channel, Channels } from '../../src/index.ts'
import type { BrowserUnderTest } from './storage.ts'

/** Proves the promises of `Channels`. */
export function channelsContract(openBrowser: () => Promise<BrowserUnderTest>): void {
  let browser: BrowserUnderTest
  let mine: Channels
  let theirs: Channels
  const opened: Channel[] = []

  beforeEach(async () => {
    browser = await openBrowser()
    mine = browser.tabs[0].channels!
    theirs = browser.tabs[1].channels!
  })

  afterEach(async () => {
    for (const channel of opened.splice(0)) channel.close()
    await browser.dispose?.()
  })

  function open(channels: Channels, name: string): Channel & { readonly heard: unknown[] } {
    const heard: unknown[] = []
    const channel = { ...channels.open(name, (message) => heard.push(message)), heard }
    opened.push(channel)
    return channel
  }

  test('a message reaches every other channel of its name, in order, and not its sender', async () => {
    const sender = open(mine, 'a')
    const receivers = [open(theirs, 'a'), open(theirs, 'a'), open(mine, 'a')]
    const elsewhere = open(theirs, 'b')
    const messages = Array.from({ length: 100 }, (_, i) => ({ i }))
    for (const message of messages) sender.post(message)
    for (const receiver of receivers) await expect.poll(() => receiver.heard, patient).toEqual(messages)

    // Whatever was on its way would have come before this.
    receivers[0]!.post('back')
    open(mine, 'b').post('there')
    await expect.poll(() => sender.heard, patient).toEqual(['back'])
    await expect.poll(() => elsewhere.heard, patient).toEqual(['there'])
  })

  test('a message comes later than the call, as a copy for each', async () => {
    const sender = open(mine, 'a')
    const receivers = [open(theirs, 'a'), open(theirs, 'a')]
    const message = { payload: Uint8Array.of(1, 2, 3), nothing: null }
    sender.post(message)
    expect(receivers.map(({ heard }) => heard.length)).toEqual([0, 0])
    message.payload.fill(0)
    for (const { heard } of receivers) {
      await expect.poll(() => heard.length, patient).toBe(1)
      const got = heard[0] as typeof message
      expect(got).toEqual({ payload: Uint8Array.of(1, 2, 3), nothing: null })
      got.payload.fill(9)
    }
  })

  test('a closed channel neither hears nor sends', async () => {
    const sender = open(mine, 'a')
    const closed = open(theirs, 'a')
    const witness = open(theirs, 'a')
    sender.post(1)
    await expect.poll(() => closed.heard, patient).toEqual([1])
    sender.post(2)
    closed.close()
    sender.post(3)
    closed.post(4)
    closed.close()
    sender.post(5)
    await expect.poll(() => witness.heard, patient).toEqual([1, 2, 3, 5])
    expect(closed.heard).toEqual([1])
    expect(sender.heard).toEqual([])
  })
}

const patient = { timeout: 10_000 }
