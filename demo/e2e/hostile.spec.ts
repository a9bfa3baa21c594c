import { connect } from 'node:net'
import { encodeFrames, type Frame, PROTOCOL_VERSION } from '@syncline/protocol'
import { WebSocket } from 'ws'
import { expect, type LabPage, test } from './support/lab.ts'
import { socketOf } from './support/wire.ts'

test('random bytes on the relay’s socket harm nobody else', async ({ openLab, relay }) => {
  const [ada, ben] = [await openLab(), await openLab()]
  const random = randomFrom(8_412)
  const closeCodes: number[] = []
  let hungUp = 0

  for (let round = 0; round < 20; round++) {
    const garbage = Array.from({ length: 6 }, () => randomBytes(random))
    const [web, raw] = [
      Promise.all([sayOnSocket(relay.url, [], garbage), sayOnSocket(relay.url, [hello(PROTOCOL_VERSION)], garbage)]),
      sayOnPort(relay.url, garbage),
    ]
    await write(round % 2 === 0 ? ada : ben, `${round % 10}`)
    closeCodes.push(...(await web))
    await raw
    hungUp++
  }
  expect(closeCodes).toEqual(Array.from({ length: 40 }, () => 4400))
  expect(hungUp).toBe(20)

  for (const { page, wire } of [ada, ben]) {
    await page.evaluate(() => lab.until(() => lab.store.snapshot.basis.relaySeq === 20))
    const text = await page.evaluate(() => lab.store.get(lab.note))
    expect(text.split('').toSorted().join('')).toBe('00112233445566778899')
    expect(wire.counts.connections).toBe(1)
  }
})

test('random bytes from the relay cost a connection and no data', async ({ openLab }) => {
  const [ada, ben] = [await openLab(), await openLab()]
  const random = randomFrom(5_127)
  for (let round = 0; round < 5; round++) {
    await write(ada, `${round}`)
    const problem = ada.page.evaluate(async () => {
      await lab.until(() => lab.store.status.problem !== undefined)
      return lab.store.status.problem!.code
    })
    // No message starts with 3 or more.
    ada.wire.sayToPage(Uint8Array.of(3 + random(253), ...randomBytes(random)))
    expect(await problem).toBe('malformed')
    await write(ben, `${round}`)
    await ada.page.evaluate(async () => {
      lab.networkIsBack()
      await lab.until(() => lab.store.status.link === 'online')
    })
  }
  expect(ada.wire.counts.connections).toBe(6)
  const texts = []
  for (const { page } of [ada, ben]) {
    await page.evaluate(() => lab.until(() => lab.store.snapshot.basis.relaySeq === 10))
    texts.push(await page.evaluate(() => lab.store.get(lab.note)))
  }
  expect(texts[0]).toHaveLength(10)
  expect(texts[1]).toBe(texts[0])
})

test('a relay that is too old for the app says so, and what is written meanwhile is sent by an app that fits', async ({
  openLab,
  relay,
}) => {
  const newer = PROTOCOL_VERSION + 98
  expect(await sayOnSocket(relay.url, [], [hello(newer)])).toBe(4406)

  const early = await openLab({ greeting: (frame) => ({ ...frame, protocol: newer, oldest: newer }) })
  const problem = await early.page.evaluate(async () => {
    await lab.until(() => lab.store.status.problem !== undefined)
    return lab.store.status.problem!
  })
  expect(problem.code).toBe('protocol-version')
  expect(problem.message).toContain(`${newer}`)
  expect(problem.message).toMatch(/update/i)
  const status = await early.page.evaluate(async () => {
    await lab.store.transact((tx) => tx.insert(lab.note, 0, 'Written meanwhile.')).durable()
    return lab.store.status
  })
  expect(status).toMatchObject({ saved: 'device', pending: 1, refused: 0 })
  expect(early.wire.counts.changesUp).toBe(0)
  await early.page.close()

  const fit = await openLab({ context: early.context })
  expect(await fit.page.evaluate(() => lab.store.get(lab.note))).toBe('Written meanwhile.')
  await fit.page.evaluate(() => lab.store.synced())
  const other = await openLab()
  await other.page.evaluate(() => lab.until(() => lab.store.get(lab.note) === 'Written meanwhile.'))
})

async function write({ page }: LabPage, written: string): Promise<void> {
  await page.evaluate((it) => lab.store.transact((tx) => tx.insert(lab.note, 0, it)).synced(), written)
}

function hello(protocol: number): Uint8Array {
  const frame: Frame = {
    type: 'hello',
    protocol,
    oldest: protocol,
    agent: 'test',
    schema: 0,
    credential: new Uint8Array(),
  }
  return encodeFrames([frame], 1024)[0]!
}

/** Says all this on a socket of the relay and resolves to the code with which the relay closes it. */
function sayOnSocket(
  relayUrl: string,
  greeting: readonly Uint8Array[],
  garbage: readonly Uint8Array[],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(socketOf(relayUrl))
    socket.on('open', () => {
      for (const message of [...greeting, ...garbage]) socket.send(message)
      // By chance all of it may be frames of a later version, which are skipped. This one is out of turn for sure.
      socket.send(
        encodeFrames(
          [
            {
              type: 'welcome',
              protocol: 1,
              timeMs: 0,
              session: '0'.repeat(32),
              maxMessageBytes: 1024,
              maxChangeBytes: 1024,
            },
          ],
          1024,
        )[0]!,
      )
    })
    socket.on('close', resolve)
    socket.on('error', reject)
  })
}

/** Writes all this to the relay's port, without any protocol, and resolves when the relay has hung up. */
function sayOnPort(relayUrl: string, garbage: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(new URL(relayUrl).port), host: '127.0.0.1' })
    socket.write(Buffer.concat(garbage))
    socket.resume()
    // A hang-up with unread bytes on the way looks like an error from here; the close comes in any case.
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

function randomBytes(random: (below: number) => number): Uint8Array {
  return Uint8Array.from({ length: 1 + random(200) }, (_, i) => (i === 0 && random(2) === 0 ? random(3) : random(256)))
}

/** Whole numbers from 0, by the same seed always the same ("mulberry32", Tommy Ettinger). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
