import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Log, ReadRange } from '../../src/index.ts'
import type { BrowserUnderTest } from './storage.ts'

interface Stored {
  readonly position: number
  readonly entry: Uint8Array
}

/** Proves the promises of `Log`. */
export function logContract(openBrowser: () => Promise<BrowserUnderTest>): void {
  let browser: BrowserUnderTest
  let mine: Log
  let theirs: Log

  beforeEach(async () => {
    browser = await openBrowser()
    mine = await browser.tabs[0].openLog('space')
    theirs = await browser.tabs[1].openLog('space')
  })

  afterEach(async () => {
    await mine.close()
    await theirs.close()
    await browser.dispose?.()
  })

  test('an empty log has nothing to read', async () => {
    expect(await readAll(mine)).toEqual([])
    expect(await mine.read(0, unexpected)).toBe(0)
    expect(await mine.read(7, unexpected)).toBe(7)
  })

  test('entries are read at the positions that append told, in order, by every tab', async () => {
    const told: number[] = []
    for (let i = 0; i < 5; i++) told.push(await mine.append(bytes(i)))
    expect(ascending(told)).toBe(true)
    expect(told[0]).toBeGreaterThan(0)
    for (const log of [mine, theirs]) {
      const stored = await readAll(log)
      expect(stored.map(({ position }) => position)).toEqual(told)
      expect(stored.map(({ entry }) => entry)).toEqual([0, 1, 2, 3, 4].map((i) => bytes(i)))
    }
  })

  test('reading goes on after any position and tells the last one', async () => {
    const told: number[] = []
    for (let i = 0; i < 4; i++) told.push(await mine.append(bytes(i)))
    for (let i = 0; i < 4; i++) {
      const stored: number[] = []
      expect(await theirs.read(told[i]!, (_, position) => stored.push(position))).toBe(told[3])
      expect(stored).toEqual(told.slice(i + 1))
    }
  })

  test('what is not wanted is passed over', async () => {
    const told: number[] = []
    for (let i = 0; i < 40; i++) told.push(await mine.append(number(i)))
    /** What is read, and from where it is asked what comes next. */
    const read = async (...ranges: readonly ReadRange[]): Promise<readonly [found: number[], asked: number[]]> => {
      const [found, asked]: [number[], number[]] = [[], []]
      const last = await theirs.read(
        0,
        (entry) => found.push(toNumber(entry)),
        undefined,
        (at) => (asked.push(at), ranges[asked.length - 1] ?? {}),
      )
      expect(last).toBe(told[39])
      return [found, asked]
    }
    const all = Array.from({ length: 40 }, (_, i) => i)
    expect(await read()).toEqual([all, [0]])
    expect(await read({ most: 1 }, { after: told[4]!, upTo: told[6]! }, { after: told[30]! })).toEqual([
      [0, 5, 6, ...all.slice(31)],
      [0, told[0], told[6]],
    ])
    expect(await read({ upTo: told[1]! }, { upTo: told[1]! }, { most: 20 })).toEqual([
      all,
      [0, told[1], told[1], told[21]],
    ])
    // Whether a log asks whether an entry is the beginning of all or not.
    const seen = new Set<number>()
    const first = (is: boolean): ReadRange => ({ most: 1, isBeginning: (entry) => (seen.add(toNumber(entry)), is) })
    expect((await read(first(true)))[0]).toEqual(all)
    expect((await read(first(false), { after: told[38]! }))[0]).toEqual([0, 39])
    expect([...seen].filter((one) => one > 0)).toEqual([])
    expect(await read({ after: told[36]!, most: 2 })).toEqual([
      [37, 38, 39],
      [0, told[38]],
    ])
  })

  test('every entry owns its buffer, on the way in and on the way out', async () => {
    const large = new Uint8Array(1 << 16).fill(7)
    const view = large.subarray(100, 103)
    const appended = mine.append(view)
    view.fill(9)
    await appended
    await mine.append(bytes(1))
    const [first] = await readAll(mine)
    expect(first!.entry).toEqual(Uint8Array.of(7, 7, 7))
    expect(first!.entry.buffer.byteLength).toBe(3)
    first!.entry.fill(0)
    expect((await readAll(mine))[0]!.entry).toEqual(Uint8Array.of(7, 7, 7))
  })

  test('an entry may be empty, or a mebibyte long', async () => {
    const long = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 31)
    await mine.append(new Uint8Array())
    await mine.append(long, { durability: 'strict' })
    const stored = await readAll(theirs)
    expect(stored.map(({ entry }) => entry.length)).toEqual([0, 1 << 20])
    expect(equal(stored[1]!.entry, long)).toBe(true)
  })

  test('what one tab appends without waiting keeps its order', async () => {
    const told = await Promise.all(Array.from({ length: 100 }, (_, i) => mine.append(number(i))))
    expect(ascending(told)).toBe(true)
    expect((await readAll(theirs)).map(({ entry }) => toNumber(entry))).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    )
  })

  test('a long log is read whole', async () => {
    const count = 1500
    await Promise.all(Array.from({ length: count }, (_, i) => (i % 2 === 0 ? mine : theirs).append(number(i))))
    const stored = await readAll(mine)
    expect(ascending(stored.map(({ position }) => position))).toBe(true)
    expect(new Set(stored.map(({ entry }) => toNumber(entry))).size).toBe(count)
    expect(stored.length).toBe(count)
  })

  test('two tabs write at once: everybody reads the same order, nothing twice, nothing lost, nothing inserted', async () => {
    const count = 300
    let writing = true
    // Each reads on from where it was, while both write; what it has read must be the log as it is in the end.
    const follow = async (log: Log): Promise<Stored[]> => {
      const seen: Stored[] = []
      let last = 0
      for (;;) {
        const isFinal = !writing
        last = await log.read(last, (entry, position) => seen.push({ entry, position }))
        if (isFinal) return seen
        await Promise.resolve()
      }
    }
    const write = async (log: Log, from: number): Promise<number[]> => {
      const told: number[] = []
      for (let i = 0; i < count; i += 3) {
        const three = [from + i, from + i + 1, from + i + 2].map((value) => log.append(number(value)))
        told.push(...(await Promise.all(three)))
      }
      return told
    }
    const followers = [follow(mine), follow(theirs)]
    const [told, toldThem] = await Promise.all([write(mine, 0), write(theirs, count)])
    writing = false
    const stored = await readAll(mine)
    for (const seen of await Promise.all(followers)) expect(seen).toEqual(stored)

    expect(ascending(stored.map(({ position }) => position))).toBe(true)
    expect(stored.length).toBe(2 * count)
    const placeOf = new Map(stored.map(({ position, entry }) => [toNumber(entry), position]))
    expect(Array.from({ length: count }, (_, i) => placeOf.get(i))).toEqual(told)
    expect(Array.from({ length: count }, (_, i) => placeOf.get(count + i))).toEqual(toldThem)
  })

  test('spaces are apart, whatever their names', async () => {
    const names = ['', 'a', 'A', 'a\u0000', 'a/b', 'é', 'e\u0301', '\ud800', '__proto__']
    const logs = await Promise.all(names.map((name) => browser.tabs[0].openLog(name)))
    for (const [i, log] of logs.entries()) await log.append(number(i))
    for (const [i, log] of logs.entries()) {
      expect((await readAll(log)).map(({ entry }) => toNumber(entry))).toEqual([i])
      const fence = await log.takeFence()
      await log.append(bytes(1), { fence, claim: 1 })
      await log.close()
    }
    expect(await readAll(mine)).toEqual([])
  })

  test('what is stored twice stands in two places, one right after the other, and in none when it is refused', async () => {
    const old = await mine.takeFence()
    const one = await mine.append(bytes(1), { twice: true, fence: old })
    const two = await theirs.append(bytes(2), { twice: true, claim: 1, durability: 'strict' })
    const fence = await theirs.takeFence()
    await expect(mine.append(bytes(3), { twice: true, fence: old })).rejects.toMatchObject({ code: 'fenced' })
    await expect(mine.append(bytes(3), { twice: true, claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
    await mine.append(bytes(4), { twice: true, fence, claim: 2 })
    const stored = await readAll(theirs)
    expect(stored.map(({ entry }) => entry[0])).toEqual([1, 1, 2, 2, 4, 4])
    expect([stored[1]!.position, stored[3]!.position]).toEqual([one, two])
    expect(await readClaims(mine)).toEqual([
      [1, undefined],
      [1, undefined],
      [2, undefined],
      [2, 1],
      [4, undefined],
      [4, 2],
    ])
    await mine.setAside(one, 'a test')
    expect((await readAll(theirs)).map(({ entry }) => entry[0])).toEqual([1, 2, 2, 4, 4])
  })

  test('fences only grow, whoever takes them', async () => {
    const fences: number[] = []
    for (let i = 0; i < 3; i++) fences.push(await mine.takeFence(), await theirs.takeFence())
    expect(ascending(fences)).toBe(true)
    const atOnce = await Promise.all([mine, theirs, mine, theirs].map((log) => log.takeFence()))
    expect(new Set([...fences, ...atOnce]).size).toBe(10)
    expect(Math.min(...atOnce)).toBeGreaterThan(fences.at(-1)!)
  })

  test('an append with an old fence stores nothing; with the newest, or without any, it does', async () => {
    const old = await mine.takeFence()
    await mine.append(bytes(1), { fence: old })
    const fence = await theirs.takeFence()
    await expect(mine.append(bytes(2), { fence: old })).rejects.toMatchObject({ code: 'fenced' })
    const newest = await theirs.takeFence()
    await expect(mine.append(bytes(2), { fence: old })).rejects.toMatchObject({ code: 'fenced' })
    await expect(theirs.append(bytes(2), { fence })).rejects.toMatchObject({ code: 'fenced' })
    await theirs.append(bytes(3), { fence: newest })
    await mine.append(bytes(4))
    await theirs.append(bytes(5), { fence: newest })
    expect((await readAll(mine)).map(({ entry }) => entry[0])).toEqual([1, 3, 4, 5])
  })

  test('of two holders that write without waiting, exactly what was not fenced off is stored', async () => {
    const count = 200
    const old = await mine.takeFence()
    const outcomes = (log: Log, from: number, fence: number): Promise<PromiseSettledResult<number>[]> =>
      Promise.allSettled(Array.from({ length: count }, (_, i) => log.append(number(from + i), { fence })))
    const before = outcomes(mine, 0, old)
    const fence = await theirs.takeFence()
    const [first, second, third] = await Promise.all([
      before,
      outcomes(theirs, count, fence),
      outcomes(mine, 2 * count, old),
    ])
    const refused = [...first, ...third].filter((outcome) => outcome.status === 'rejected')
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'fenced' })
    expect(second.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(third.every(({ status }) => status === 'rejected')).toBe(true)

    // What was under way when the fence was taken is stored up to one point, and nothing after it.
    const kept = first.filter(({ status }) => status === 'fulfilled').length
    expect(refused.length).toBe(2 * count - kept)
    expect((await readAll(mine)).map(({ entry }) => toNumber(entry))).toEqual([
      ...Array.from({ length: kept }, (_, i) => i),
      ...Array.from({ length: count }, (_, i) => count + i),
    ])
  })

  test('claims are numbered in the order of the log, whoever appends them, and are read with their entries', async () => {
    await mine.append(bytes(1), { claim: 1 })
    await theirs.append(bytes(2))
    await theirs.append(bytes(3), { claim: 2, durability: 'strict' })
    await theirs.append(bytes(4), { claim: 3 })
    await mine.append(bytes(5))
    for (const log of [mine, theirs]) {
      expect(await readClaims(log)).toEqual([
        [1, 1],
        [2, undefined],
        [3, 2],
        [4, 3],
        [5, undefined],
      ])
    }
  })

  test('a claim that is not the next stores nothing, however old or new it is', async () => {
    for (let claim = 1; claim <= 5; claim++) await (claim % 2 === 0 ? mine : theirs).append(bytes(claim), { claim })
    for (const log of [mine, theirs]) {
      for (const claim of [1, 2, 3, 4, 5, 7, 8, 1_000_000]) {
        await expect(log.append(bytes(99), { claim })).rejects.toMatchObject({ name: 'StoreError', code: 'claimed' })
      }
    }
    await mine.append(bytes(6), { claim: 6 })
    const other = await browser.tabs[0].openLog('goes on from elsewhere')
    await other.append(bytes(1), { claim: 41 })
    await expect(other.append(bytes(99), { claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
    await other.append(bytes(2), { claim: 42 })
    await other.close()
    expect((await readClaims(theirs)).map(([byte]) => byte)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('of all who claim the same number at once exactly one stores its entry', async () => {
    for (let claim = 1; claim <= 20; claim++) {
      const rivals = Array.from({ length: 8 }, (_, i) =>
        (i % 2 === 0 ? mine : theirs).append(number(claim * 8 + i), { claim }),
      )
      const outcomes = await Promise.allSettled(rivals)
      const won = outcomes.flatMap(({ status }, i) => (status === 'fulfilled' ? [claim * 8 + i] : []))
      expect(won.length).toBe(1)
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      for (const reason of reasons) expect(reason).toMatchObject({ code: 'claimed' })
      expect(toNumber((await readAll(mine)).at(-1)!.entry)).toBe(won[0])
    }
    expect((await readAll(theirs)).length).toBe(20)
  })

  test('claims without waiting are stored up to the first that is not the next, and none after it', async () => {
    const count = 100
    const at = (from: number): Promise<number>[] =>
      Array.from({ length: count }, (_, i) => mine.append(number(from + i), { claim: i < 50 ? i + 1 : i + 2 }))
    const outcomes = await Promise.allSettled(at(0))
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(
      Array.from({ length: count }, (_, i) => i < 50),
    )
    expect((await readAll(theirs)).length).toBe(50)
  })

  test('tabs that count by claims lose no count', async () => {
    // Each reads the newest number and value, and appends the next of both: the log of whoever lost tells it what to add to.
    const losses: unknown[] = []
    const count = async (log: Log): Promise<void> => {
      let [last, claim, value] = [0, 0, 0]
      for (let added = 0; added < 60;) {
        last = await log.read(last, (entry, _, itsClaim) => {
          if (itsClaim !== undefined) [claim, value] = [itsClaim, toNumber(entry)]
        })
        try {
          await log.append(number(value + 1), { claim: claim + 1 })
          added++
        } catch (error) {
          losses.push(error)
        }
      }
    }
    await Promise.all([count(mine), count(theirs)])
    const stored = await readAll(mine)
    expect(stored.map(({ entry }) => toNumber(entry))).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
    expect(losses.length).toBeGreaterThan(0)
    for (const error of losses) expect(error).toMatchObject({ code: 'claimed' })
  })

  test('an append that is fenced takes no claim, and one that is not the next takes no fence', async () => {
    const old = await mine.takeFence()
    const fence = await theirs.takeFence()
    await mine.append(bytes(1), { claim: 1 })
    await expect(mine.append(bytes(99), { fence: old, claim: 2 })).rejects.toMatchObject({ code: 'fenced' })
    await expect(mine.append(bytes(99), { fence, claim: 3 })).rejects.toMatchObject({ code: 'claimed' })
    await mine.append(bytes(2), { fence, claim: 2 })
    await mine.append(bytes(3), { fence })
    expect(await readClaims(theirs)).toEqual([
      [1, 1],
      [2, 2],
      [3, undefined],
    ])
  })

  test('entries, fences and claims outlive the log that wrote them', async () => {
    const fence = await mine.takeFence()
    await mine.append(bytes(1), { claim: 1 })
    await mine.close()
    await theirs.close()
    const again = await browser.tabs[0].openLog('space')
    expect(await readClaims(again)).toEqual([[1, 1]])
    expect(await again.takeFence()).toBeGreaterThan(fence)
    await expect(again.append(bytes(2), { claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
    await again.append(bytes(2), { claim: 2 })
    await again.close()
  })

  test('what is set aside is read by nobody any more; all else is, and goes on as before', async () => {
    const told: number[] = []
    for (let i = 0; i < 5; i++) told.push(await mine.append(bytes(i), i === 3 ? { claim: 1 } : {}))
    await mine.setAside(told[1]!, 'a test')
    await Promise.all([mine.setAside(told[3]!, 'a test'), theirs.setAside(told[3]!, 'another test')])
    await theirs.setAside(told[4]! + 100, 'is not there')
    for (const log of [mine, theirs]) {
      const stored = await readAll(log)
      expect(stored.map(({ position }) => position)).toEqual([told[0], told[2], told[4]])
      expect(await log.read(told[4]!, unexpected, unexpected)).toBe(told[4])
    }
    const next = await theirs.append(bytes(5))
    expect(next).toBeGreaterThan(told[4]!)
    const last = await mine.append(bytes(6), { claim: 2 })
    expect(await readClaims(theirs)).toEqual([
      [0, undefined],
      [2, undefined],
      [4, undefined],
      [5, undefined],
      [6, 2],
    ])
    await mine.setAside(last, 'the last one')
    expect((await readAll(theirs)).at(-1)!.position).toBe(next)
  })

  test('a checkpoint stands in place of what it replaces, for who comes later and for who had not read that far', async () => {
    const told: number[] = []
    for (let i = 0; i < 6; i++) told.push(await mine.append(bytes(i), i === 2 ? { claim: 1 } : {}))
    await mine.replace(told[3]!, [bytes(20), bytes(21), bytes(22)], 1)
    for (const log of [mine, theirs]) {
      expect(await readClaims(log)).toEqual([
        [20, undefined],
        [21, undefined],
        [22, 1],
        [4, undefined],
        [5, undefined],
      ])
      const stored = await readAll(log)
      expect(ascending(stored.map(({ position }) => position))).toBe(true)
      expect(stored[2]!.position).toBe(told[3])
      expect(stored.map(({ entry }) => entry.buffer.byteLength)).toEqual([1, 1, 1, 1, 1])
      // Whoever was in the middle of it gets all of it, and who is behind it nothing.
      for (const from of [told[0]!, told[2]!]) {
        const seen: number[] = []
        await log.read(from, (entry) => seen.push(entry[0]!))
        expect(seen).toEqual([20, 21, 22, 4, 5])
      }
      const seen: number[] = []
      expect(await log.read(told[3]!, (entry) => seen.push(entry[0]!))).toBe(told[5])
      expect(seen).toEqual([4, 5])
    }
    await expect(theirs.append(bytes(6), { claim: 1 })).rejects.toMatchObject({ code: 'claimed' })
    const last = await theirs.append(bytes(6), { claim: 2 })
    expect(last).toBeGreaterThan(told[5]!)
    // The next one takes the place of this one too.
    await theirs.replace(last, [bytes(30)], 2)
    expect(await readClaims(mine)).toEqual([[30, 2]])
    await mine.append(bytes(7), { claim: 3 })
    expect((await readAll(theirs)).map(({ entry }) => entry[0])).toEqual([30, 7])
  })

  test('whoever is in the middle of a checkpoint when another one takes its place reads that from its beginning', async () => {
    const told: number[] = []
    for (let i = 0; i < 3; i++) told.push(await mine.append(bytes(i)))
    const first = Array.from({ length: 40 }, (_, i) => 10 + i)
    const second = Array.from({ length: 41 }, (_, i) => 100 + i)
    const put = (values: readonly number[]): Promise<void> =>
      mine.replace(
        told[1]!,
        values.map((value) => bytes(value)),
        0,
      )
    await put(first)
    const seen: number[] = []
    await theirs.read(0, async (entry) => {
      if (seen.push(entry[0]!) === 5) await put(second)
    })
    // All that was read is read, or what has taken its place.
    expect([first, [...first.slice(0, 16), ...second]]).toContainEqual(seen.slice(0, -1))
    expect(seen.at(-1)).toBe(2)
    // One that broke off goes on from where it stood.
    let at = 0
    const broken = theirs.read(0, (entry, position) => {
      at = position
      if (entry[0] === 102) throw new RangeError('Enough.')
    })
    await expect(broken).rejects.toThrow('Enough')
    await put(first)
    seen.length = 0
    await theirs.read(at, (entry) => seen.push(entry[0]!))
    expect(seen).toEqual([...first, 2])
    // Who passes over some of it is asked again, from before its beginning.
    const before = told[1]! - 1
    seen.length = 0
    await theirs.read(
      0,
      async (entry) => {
        if (seen.push(entry[0]!) === 2) await put(second)
      },
      undefined,
      (last) => {
        if (Number.isInteger(last)) return { most: 1 }
        return last < before + 0.1 ? { after: before + 20 / 40, upTo: before + 21 / 40 } : {}
      },
    )
    // What was read ahead of it comes before that.
    const anew = seen.indexOf(100)
    expect(anew === -1 || anew > 1).toBe(true)
    expect(seen).toEqual(
      anew === -1 ? [10, ...first.slice(20), 2] : [10, ...first.slice(20, 20 + anew - 1), 100, ...second.slice(20), 2],
    )
  })

  test('of several that replace entries at once each does or changes nothing, and what comes after stays', async () => {
    const told: number[] = []
    for (let i = 0; i < 4; i++) told.push(await (i % 2 === 0 ? mine : theirs).append(bytes(i)))
    const asked = [told[2]!, told[0]!, told[2]!, told[1]!]
    const outcomes = await Promise.all(
      asked.map((upTo, i) =>
        (i % 2 === 0 ? mine : theirs).replace(upTo, [bytes(10 + 2 * i), bytes(11 + 2 * i)], 0).then(
          () => 'stored',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    )
    for (const outcome of outcomes) expect(['stored', 'compacted']).toContain(outcome)
    const stored = asked.flatMap((upTo, i) => (outcomes[i] === 'stored' && upTo === told[2] ? [10 + 2 * i] : []))
    expect(stored.length).toBeGreaterThan(0)
    for (const log of [mine, theirs]) {
      const read = (await readAll(log)).map(({ entry }) => entry[0]!)
      // What is left of those for less comes first; the last one is whole, and has all that was before it in its place.
      const [first, second, after] = read.slice(-3)
      expect(stored).toContain(first)
      expect([second, after]).toEqual([first! + 1, 3])
      expect(read.slice(0, -3).every((byte) => byte >= 10)).toBe(true)
    }
    const last = await mine.append(bytes(4))
    await theirs.replace(last, [bytes(7)], 0)
    expect((await readAll(mine)).map(({ entry }) => entry[0])).toEqual([7])
  })

  test('the logs of other spaces keep what they have, wherever it stands', async () => {
    const others = await browser.tabs[1].openLog('other')
    const [first, second] = [await mine.append(bytes(1)), await others.append(bytes(101))]
    const third = await mine.append(bytes(2))
    await others.append(bytes(102))
    const fifth = await mine.append(bytes(3))
    expect(ascending([first, third, fifth])).toBe(true)
    const many = Array.from({ length: 40 }, (_, i) => bytes(i))
    await mine.replace(third, many, 0)
    await others.replace(second, [bytes(110), bytes(111)], 0)
    expect((await readAll(mine)).map(({ entry }) => entry[0])).toEqual([...many.map(([byte]) => byte), 3])
    expect((await readAll(others)).map(({ entry }) => entry[0])).toEqual([110, 111, 102])
    await mine.replace(fifth, [bytes(7)], 0)
    expect((await readAll(mine)).map(({ entry }) => entry[0])).toEqual([7])
    expect((await readAll(others)).map(({ entry }) => entry[0])).toEqual([110, 111, 102])
    await others.close()
  })

  test('a checkpoint takes the place of what was set aside, and a part of one can be', async () => {
    const told = [await mine.append(bytes(1)), await mine.append(bytes(2))]
    await mine.setAside(told[1]!, 'a test')
    await mine.replace(told[1]!, [bytes(3), bytes(4)], 0)
    const stored = await readAll(theirs)
    expect(stored.map(({ entry }) => entry[0])).toEqual([3, 4])
    await theirs.setAside(stored[0]!.position, 'a test')
    expect((await readAll(mine)).map(({ entry }) => entry[0])).toEqual([4])
  })

  test('closing lets finish what was begun, then refuses, and is not a loss', async () => {
    const losses: Error[] = []
    mine.onLost((error) => losses.push(error))
    const appended = [mine.append(bytes(1)), mine.append(bytes(2))]
    await Promise.all([mine.close(), ...appended])
    await mine.close()
    await expect(mine.append(bytes(3))).rejects.toMatchObject({ code: 'closed' })
    await expect(mine.read(0, unexpected)).rejects.toMatchObject({ code: 'closed' })
    await expect(mine.takeFence()).rejects.toMatchObject({ code: 'closed' })
    await expect(mine.setAside(1, 'a test')).rejects.toMatchObject({ code: 'closed' })
    await expect(mine.replace(1, [], 0)).rejects.toMatchObject({ code: 'closed' })
    expect((await readAll(theirs)).map(({ entry }) => entry[0])).toEqual([1, 2])
    expect(losses).toEqual([])
  })

  test('a reader that gives a promise has its time: the next entry comes when it is over, and an end of its own ends the reading', async () => {
    for (let i = 0; i < 5; i++) await mine.append(bytes(i))
    let isBusy = false
    const seen: number[] = []
    await theirs.read(0, async (entry) => {
      expect(isBusy).toBe(false)
      isBusy = true
      // Others write and replace meanwhile.
      if (entry[0] === 1) await mine.append(bytes(5))
      await new Promise((resolve) => setTimeout(resolve, 1))
      isBusy = false
      seen.push(entry[0]!)
    })
    expect(seen.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
    const broken = new Error('broken reader')
    await expect(theirs.read(0, () => Promise.reject(broken))).rejects.toBe(broken)
    expect((await readAll(theirs)).length).toBe(6)
  })

  test('a reader that throws ends its reading and nothing else', async () => {
    await mine.append(bytes(1))
    await mine.append(bytes(2))
    const broken = new Error('broken reader')
    const seen: number[] = []
    const reading = mine.read(0, (_, position) => {
      seen.push(position)
      throw broken
    })
    await expect(reading).rejects.toBe(broken)
    expect(seen.length).toBe(1)
    expect((await readAll(mine)).length).toBe(2)
  })
}

async function readAll(log: Log): Promise<Stored[]> {
  const stored: Stored[] = []
  const last = await log.read(0, (entry, position) => stored.push({ entry, position }))
  expect(last).toBe(stored.at(-1)?.position ?? 0)
  return stored
}

async function readClaims(log: Log): Promise<(readonly [byte: number, claim: number | undefined])[]> {
  const claims: (readonly [number, number | undefined])[] = []
  await log.read(0, (entry, _, claim) => claims.push([entry[0]!, claim]))
  return claims
}

function unexpected(): never {
  throw new Error('Nothing was to be read.')
}

function ascending(positions: readonly number[]): boolean {
  return positions.every((position, i) => i === 0 || position > positions[i - 1]!)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

const bytes = (byte: number): Uint8Array => Uint8Array.of(byte)
const number = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 255)
const toNumber = (entry: Uint8Array): number => entry[0]! * 256 + entry[1]!
