import { collection, counter, lww, place } from '@syncline/merge'
import { expect, test } from 'vitest'
import { memoryStorage, type Storage, type Store } from '../src/index.ts'
import { createWorld, seededChance, type Wire } from './world.ts'

const title = lww('title', '')
const votes = counter('votes')
const secret = lww('secret', '')
const cards = collection('cards', { title: '', done: false, place: place() })

/** A browser: one storage, one way to the relay, some tabs. */
interface Browser {
  readonly storage: Storage
  readonly wire: Wire
  readonly tabs: Store[]
}

/** Runs a random schedule of commits, cuts, reloads, relay deaths and refusals, then mends everything. Returns what happened. */
async function run(seed: number): Promise<Record<string, number>> {
  const done: Record<string, number> = { commits: 0, acknowledged: 0, cuts: 0, reloads: 0, deaths: 0, refused: 0 }
  const dice = seededChance(seed * 7919)
  const pick = (count: number): number => Math.floor(dice.fraction() * count)
  const world = await createWorld(seed, {
    refuse: (header) =>
      header.touched.some(({ address }) => address === 'secret')
        ? { code: 'forbidden', message: 'Not yours.' }
        : undefined,
  })
  const browsers: Browser[] = []
  for (let i = 0; i < 3; i++) {
    const browser: Browser = { storage: memoryStorage(), wire: world.wire(), tabs: [] }
    browsers.push(browser)
    for (let tab = 0; tab <= i % 2; tab++)
      browser.tabs.push(await world.open({ storage: browser.storage, transport: browser.wire }))
  }
  let acknowledgedVotes = 0

  for (let step = 0; step < 60; step++) {
    const browser = browsers[pick(browsers.length)]!
    const at = pick(browser.tabs.length)
    const store = browser.tabs[at]!
    switch (pick(12)) {
      case 0:
        browser.wire.cut()
        done['cuts']!++
        break
      case 1:
        browser.wire.mend()
        break
      case 2:
        await store.close()
        browser.tabs[at] = await world.open({ storage: browser.storage, transport: browser.wire })
        done['reloads']!++
        break
      case 3:
        if (pick(3) === 0) {
          await world.restartRelay()
          done['deaths']!++
        }
        break
      case 4:
        await world.clock.pass(pick(20_000))
        break
      case 5:
        if (pick(3) === 0) {
          const receipt = store.transact((tx) => {
            tx.set(secret, `s${step}`)
            tx.set(title, `secret ${step}`)
          })
          void receipt.synced().catch(() => done['refused']!++)
        }
        break
      default: {
        const id = `c${pick(6)}`
        const receipt = store.transact((tx) => {
          const card = cards.at(id)
          tx.add(votes, 1)
          if (tx.get(card) === undefined) tx.create(card, { title: `made ${step}` })
          else if (pick(5) === 0) tx.delete(card)
          else if (pick(2) === 0) tx.patch(card, { title: `edited ${step}`, done: pick(2) === 0 })
          if (tx.get(card) !== undefined) tx.move(card, cards.list(`l${pick(2)}`), 0)
          if (pick(4) === 0) tx.set(title, `t${step}`)
        })
        done['commits']!++
        void receipt.synced().then(
          () => {
            acknowledgedVotes += 1
            done['acknowledged']!++
          },
          () => undefined,
        )
        if (pick(2) === 0) await world.clock.pass(pick(300))
      }
    }
  }
  for (const { wire } of browsers) wire.mend()
  await world.clock.pass(200_000)
  const fresh = await world.open({ transport: world.wire() })
  await world.clock.pass(1000)

  const all = [...browsers.flatMap(({ tabs }) => tabs), fresh]
  const views = all.map((store) => ({
    basis: store.snapshot.basis,
    title: store.get(title),
    secret: store.get(secret),
    votes: store.get(votes),
    cards: [...store.items(cards)],
    lists: [store.get(cards.list('l0')), store.get(cards.list('l1'))],
    pending: store.status.pending,
    link: store.status.link,
  }))
  for (const view of views) expect(view).toEqual(views.at(-1))
  expect(views[0]).toMatchObject({ pending: 0, secret: '', link: 'online' })
  expect(views[0]!.votes).toBeGreaterThanOrEqual(acknowledgedVotes)
  expect(views[0]!.votes).toBeLessThanOrEqual(done['commits']!)
  await world.close()
  expect(world.clock.timers).toBe(0)

  for (const { storage } of browsers) {
    const again = await world.open({ storage })
    expect([again.get(title), again.get(votes), [...again.items(cards)]]).toEqual([
      views[0]!.title,
      views[0]!.votes,
      views[0]!.cards,
    ])
    await again.close()
  }
  return done
}

test('[ST20] [ST21] [ST27] replicas converge after any schedule of commits, cuts, reloads, relay deaths and refusals', async () => {
  const total: Record<string, number> = {}
  for (let seed = 1; seed <= (process.env.SYNCLINE_LONG === '1' ? 5000 : 60); seed++) {
    try {
      for (const [what, count] of Object.entries(await run(seed))) total[what] = (total[what] ?? 0) + count
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  const { acknowledged = 0, ...others } = total
  expect(acknowledged).toBeGreaterThan(500)
  expect(Object.entries(others).filter(([, count]) => count < 20)).toEqual([])
}, 900_000)
