import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { asBefore, foldedCheckpoints } from './checkpoints.ts'
import { picture, seat, write } from './refs-of-all.ts'
import { smallLogs } from './small-logs.ts'
import { createWorld, passing, seededChance, type Wire, type World } from './world.ts'

interface Browser {
  readonly wire: Wire
  readonly storage: Storage
  readonly isNew: boolean
  store: Store
}

/**
 * People who write, are away and come back, with Changes that had seen little, undo, and open the space again, while checkpoints are made of whatever part of the log. Those
 * who come new, with a checkpoint or with the log alone, must read the same, and go on alike.
 */
async function run(seed: number): Promise<Record<string, number>> {
  const done = { checkpoints: 0, goingOn: 0, brought: 0, told: 0, undos: 0, late: 0, reopened: 0, decided: 0 }
  const dice = seededChance(seed * 7919)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const checkpoints = foldedCheckpoints(() => world.disk, { maxBytes: 1 + pick(4_000) })
  // Those that are made at random moments may be all there are.
  const limits = { leastTailBytes: pick(3) === 0 ? 2_000 : Infinity, maxFrameBytes: 1 + pick(4_000) }
  const world: World = await createWorld(seed, { limits, checkpoints })
  const browsers: Browser[] = []

  async function open(browser: Omit<Browser, 'store'>): Promise<Store> {
    let isBrought = false
    browser.wire.onTraffic = (direction, message) => {
      if (direction === 'down' && message[0] === 0 && message[1] === 16) isBrought = true
    }
    const transport = browser.isNew ? browser.wire : asBefore(browser.wire)
    const store = await world.open({ transport, storage: browser.storage })
    await world.clock.pass(5_000)
    if (isBrought) done.brought++
    return store
  }

  async function join(isNew: boolean): Promise<Browser> {
    const browser = { wire: world.wire(), storage: smallLogs(memoryStorage(), pick(2) === 0 ? 2_000 : 1e6), isNew }
    // What was written before the first word of the relay.
    const whole = { ...browser, store: await open(browser) }
    browsers.push(whole)
    return whole
  }

  async function act(i: number): Promise<void> {
    const browser = browsers[pick(browsers.length)]!
    const { store, wire } = browser
    switch (pick(10)) {
      case 0:
        if (wire.isWhole) wire.cut()
        else {
          wire.mend()
          done.late++
        }
        return
      case 1: {
        const head = (await world.disk.space('board'))?.head ?? 0
        if (head === 0) return
        // A cache may be old.
        await checkpoints.make('board', 1 + pick(head))
        done.checkpoints++
        return
      }
      case 2:
        if (!store.undoStack().undoable) return
        if (!wire.isWhole || store.status.link !== 'online') return
        // After a reload it has to have met them.
        picture(store)
        await passing(world, store.undoAsync())
        done.undos++
        return
      case 3:
        if (!wire.isWhole || store.status.link !== 'online') return
        await passing(
          world,
          store.transactAsync((tx) => tx.set(seat, `${i}`), { arbiter: 'relay' }),
        ).catch(() => 0)
        done.decided++
        return
      case 4:
        if (pick(3) > 0) return
        await store.close()
        browser.store = await open(browser)
        done.reopened++
        return
      case 5:
        await world.clock.pass(pick(2_000))
        return
      case 6:
        if (pick(4) === 0) await world.restartRelay()
        return
      default:
        write(store, i)
    }
  }

  async function agree(): Promise<void> {
    for (const { wire } of browsers) wire.mend()
    await world.clock.pass(60_000)
    const [first, ...others] = browsers.map(({ store }) => picture(store))
    for (const one of others) expect(one).toEqual(first)
    for (const { store } of browsers) expect(store.status).toMatchObject({ link: 'online', saved: 'relay' })
  }

  for (let i = 0; i < 3; i++) await join(false)
  const acts = 40 + pick(80)
  for (let i = 0; i < acts; i++) await act(i)
  const brought = await join(true)
  const told = await join(false)
  done.told++
  const isSame = brought.store.snapshot.basis.relaySeq === told.store.snapshot.basis.relaySeq
  expect(isSame ? picture(brought.store) : undefined).toEqual(isSame ? picture(told.store) : undefined)
  for (let i = 0; i < acts; i++) await act(acts + i)
  await agree()
  for (const browser of browsers) {
    await browser.store.close()
    browser.store = await open(browser)
  }
  await agree()
  await world.close()
  done.goingOn += checkpoints.made.goingOn
  return done
}

test('[ST45] who is brought a checkpoint has what the log says, and goes on alike', async () => {
  const total: Record<string, number> = {}
  const seeds = process.env['SYNCLINE_LONG'] === '1' ? 2_000 : 12
  for (let seed = 1; seed <= seeds; seed++) {
    const done = await run(seed).catch((error: unknown) => {
      throw new Error(`Seed ${seed}`, { cause: error })
    })
    for (const [name, count] of Object.entries(done)) total[name] = (total[name] ?? 0) + count
  }
  const rare = Object.entries(total).filter(([, count]) => count <= seeds / 4)
  expect(rare).toEqual([])
}, 600_000)
