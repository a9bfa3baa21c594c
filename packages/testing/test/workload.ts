import type { Range, Readable, Tx } from '@syncline/stm'
import { everything, type Store, type TransactAsyncOptions } from '@syncline/store'
import { createRecorder, type Attempt, type CheckOptions, type History } from '../src/index.ts'
import type { Cells } from './cells.ts'
import type { Schedule } from './schedule.ts'

/** What runs in one history. */
export interface Workload {
  readonly schedule: Schedule
  readonly cells: Cells
  /** Where each worker works: the same store for all tabs' workers, or one each. */
  readonly workers: readonly Store[]
  /** A tab beside, whose Changes come in whenever they come. */
  readonly sibling?: Store
  /** What happens around the workers, until it is told that they are done. */
  readonly trouble?: (areDone: () => boolean) => Promise<void>
  readonly options: TransactAsyncOptions<'local'>
  /** Transactions of each worker. */
  readonly rounds: number
  /** Whether some transactions are sync, and some writes commute. */
  readonly isLocal: boolean
  /** Whether some bodies of transactions that may await do not. */
  readonly areSomeAtOnce?: boolean
  readonly steps: readonly Step[]
  /** How bodies read: `ensure` also makes each read count, `peek` makes none count. Default `get`. */
  readonly reading?: 'get' | 'ensure' | 'peek' | undefined
  /** Waits until what is to be looked at in the end is there. */
  readonly beforeTheEnd?: () => Promise<void>
}

export interface Outcome {
  readonly history: History
  readonly versions: Required<CheckOptions>['versions']
  readonly counts: Counts
}

/** What happened, so that a run in which nothing did can be told. */
export interface Counts {
  reruns: number
  thrown: number
  sync: number
  remote: number
  undone: number
  otherwise: number
  commuted: number
  offline: number
}

export type Step =
  | 'append'
  | 'read'
  | 'commute'
  | 'insert'
  | 'read inserted'
  | 'commute insert'
  | 'update'
  | 'overwrite'
  | 'look'
  | 'pair'
  | 'add'
  | 'range'
  | 'undo'
  | 'or else'

export function noCounts(): Counts {
  return { reruns: 0, thrown: 0, sync: 0, remote: 0, undone: 0, otherwise: 0, commuted: 0, offline: 0 }
}

/** Thrown by bodies that change their mind. One for all: a stack for each would take longer than the transactions. */
const changedMind = new Error('changed its mind')

/** Runs the workers to the end, and a last transaction that looks at everything. */
export async function runWorkload(workload: Workload): Promise<Outcome> {
  const { schedule, cells, workers, sibling, options, rounds, steps, reading = 'get' } = workload
  const { random, pause } = schedule
  const [home] = workers as [Store]
  const recorder = createRecorder()
  const versions = { r0: [] as number[], r1: [] as number[] }
  const counts = noCounts()
  let unique = 0

  const stopWatching = home.changes(everything, ({ now }) => {
    cells.registers.forEach((register, i) => {
      const value = now.get(register)
      const seen = versions[`r${i}` as 'r0']
      if (value !== null && seen.at(-1) !== value) seen.push(value)
    })
    assertPairs((cell) => now.get(cell))
  })

  function assertPairs(get: (cell: Readable<number>) => number): void {
    for (const [one, other] of [cells.pair, cells.theirs]) {
      const [x, y] = [get(one), get(other)]
      if (x + y !== 0) throw new Error(`${one.key} = ${x} and ${other.key} = ${y} were read together.`)
    }
  }

  /** One step of a body, and its record. */
  function perform(step: Step, tx: Tx, attempt: Attempt<never>, commuted: Set<string>): void {
    // Every operation recorded here is of a kind that checkHistory takes.
    const ops = attempt.ops as unknown[]
    const which = random(2)
    const array = cells.arrays[which]!
    const register = cells.registers[which]!
    const value = ++unique
    const read = <V>(cell: Readable<V>): V => {
      if (reading === 'ensure') tx.ensure(cell)
      return reading === 'peek' ? tx.peek(cell) : tx.get(cell)
    }
    const readList = (key: string, cell: Readable<readonly number[]>): readonly number[] => {
      const list = read(cell)
      ops.push(['read', key, list])
      return list
    }
    switch (step) {
      case 'append': {
        const before = readList(`a${which}`, array)
        if (commuted.has(array.key)) return
        tx.set(array, [...before, value])
        ops.push(['append', `a${which}`, value])
        return
      }
      case 'read':
        readList(`a${which}`, array)
        return
      case 'commute':
        if (isWritten(ops, 'append', `a${which}`) && !commuted.has(array.key)) return
        tx.commute(array, (list) => [...list, value])
        commuted.add(array.key)
        ops.push(['append', `a${which}`, value])
        counts.commuted += 1
        return
      case 'insert': {
        const before = readList('c', cells.merged)
        if (commuted.has(cells.merged.key)) return
        tx.insert(cells.merged, before.length, [value])
        ops.push(['append', 'c', value])
        return
      }
      case 'commute insert':
        if (isWritten(ops, 'append', 'c') && !commuted.has(cells.merged.key)) return
        tx.commute(cells.merged, { insert: [value] })
        commuted.add(cells.merged.key)
        ops.push(['append', 'c', value])
        counts.commuted += 1
        return
      case 'read inserted':
        readList('c', cells.merged)
        return
      case 'update':
        ops.push(['read', `r${which}`, read(register)])
        tx.set(register, value)
        ops.push(['write', `r${which}`, value])
        return
      case 'overwrite':
        tx.set(register, value)
        ops.push(['write', `r${which}`, value])
        return
      case 'look':
        ops.push(['read', `r${which}`, read(register)])
        return
      case 'pair': {
        const [x, y] = cells.pair
        const sign = random(2) === 0 ? 1 : -1
        ops.push(['read', 'x', read(x) || null], ['read', 'y', read(y) || null])
        if (random(2) === 0) return
        tx.set(x, sign * value)
        tx.set(y, -sign * value)
        ops.push(['write', 'x', sign * value], ['write', 'y', -sign * value])
        return
      }
      case 'add': {
        const id = `${'ab'[which]}${value}`
        tx.create(cells.members.at(id), { by: 'us' })
        ops.push(['add', 'm', id])
        return
      }
      case 'range': {
        const [range, readable] = someRange()
        ops.push(['range', 'm', range, read(readable)])
        return
      }
      case 'undo':
        try {
          tx.savepoint((inner) => {
            if (!commuted.has(array.key)) inner.update(array, (list) => [...list, value])
            inner.create(cells.members.at(`a${value}`), { by: 'nobody' })
            throw changedMind
          })
        } catch (error) {
          if (error !== changedMind) throw error
        }
        counts.undone += 1
        return
      case 'or else':
        tx.orElse(
          (left) => {
            if (!commuted.has(array.key)) left.set(array, [...left.get(array), value])
            return left.retry()
          },
          (right) => right.create(cells.members.at(`b${value}`), { by: 'us' }),
        )
        ops.push(['add', 'm', `b${value}`])
        counts.otherwise += 1
        return
    }

    function someRange(): [object, Readable<readonly string[]>] {
      const all = [
        [{}, cells.members],
        [{ prefix: 'a' }, cells.members.range({ prefix: 'a' })],
        [{ prefix: 'b' }, cells.members.range({ prefix: 'b' })],
        [{ from: 'a5', to: 'b5' }, cells.members.range({ from: 'a5', to: 'b5' })],
      ] satisfies [object, Range | Cells['members']][]
      return all[random(all.length)]!
    }
  }

  async function transact(process: string, store: Store): Promise<void> {
    const plan = Array.from({ length: 1 + random(4) }, () => steps[random(steps.length)]!)
    const changesMind = random(12) === 0
    let attempt: Attempt<never> | undefined
    const begin = (): Attempt<never> => {
      if (attempt !== undefined) counts.reruns += 1
      return (attempt = recorder.begin(process) as Attempt<never>)
    }
    const finish = (): void => {
      if (changesMind) throw changedMind
    }
    try {
      if (workload.isLocal && random(6) === 0) {
        counts.sync += 1
        store.transact((tx) => {
          const run = begin()
          const commuted = new Set<string>()
          for (const step of plan) perform(step, tx, run, commuted)
          finish()
        })
      } else if (workload.areSomeAtOnce === true && random(2) === 0) {
        counts.sync += 1
        await store.transactAsync((tx) => {
          const run = begin()
          const commuted = new Set<string>()
          for (const step of plan) perform(step, tx, run, commuted)
          assertPairs((cell) => tx.peek(cell))
          finish()
        }, options)
      } else {
        await store.transactAsync(async (tx) => {
          const run = begin()
          const commuted = new Set<string>()
          for (const step of plan) {
            perform(step, tx, run, commuted)
            assertPairs((cell) => tx.peek(cell))
            if (random(3) > 0) await pause()
            assertPairs((cell) => tx.peek(cell))
          }
          finish()
        }, options)
      }
      attempt!.ok()
    } catch (error) {
      attempt?.fail()
      if (error === changedMind) counts.thrown += 1
      else if ((error as { code?: string }).code === 'offline') counts.offline += 1
      else throw error
    }
  }

  async function work(process: string, store: Store): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await pause()
      if (workload.trouble !== undefined) await online(store)
      await transact(process, store)
    }
  }

  function online(store: Store): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (store.status.link !== 'online') return
        stop()
        resolve()
      }
      const stop = store.onStatus(look)
      look()
    })
  }

  /** What a tab beside commits is there when this tab shows it, as a whole. */
  async function workBeside(store: Store): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await pause()
      const value = ++unique
      const [q, w] = cells.theirs
      const attempt = recorder.begin(`beside ${value}`)
      const unsubscribe = home.changes(q, ({ value: shown }) => {
        if (shown !== value) return
        attempt.ok()
        counts.remote += 1
        unsubscribe()
      })
      store.transact((tx) => {
        attempt.ops.push(['read', 'q', tx.get(q) || null], ['read', 'w', tx.get(w) || null])
        tx.set(q, value)
        tx.set(w, -value)
        tx.create(cells.members.at(`a${value}`), { by: 'them' })
        attempt.ops.push(['write', 'q', value], ['write', 'w', -value], ['add', 'm', `a${value}`])
      })
    }
  }

  const tasks = workers.map((store, i) => work(`worker ${i + 1}`, store))
  if (sibling !== undefined) tasks.push(workBeside(sibling))
  let areDone = false
  const working = Promise.all(tasks).then(() => (areDone = true))
  await schedule.run([working, workload.trouble?.(() => areDone) ?? Promise.resolve()])
  if (workload.beforeTheEnd !== undefined) await schedule.run([workload.beforeTheEnd()])
  await schedule.run([lookAtEverything()])
  stopWatching()
  return { history: recorder.history, versions, counts }

  async function lookAtEverything(): Promise<void> {
    let attempt: Attempt<never> | undefined
    await home.transactAsync((tx) => {
      attempt = recorder.begin('end') as Attempt<never>
      const ops = attempt.ops as unknown[]
      cells.arrays.forEach((cell, i) => ops.push(['read', `a${i}`, tx.get(cell)]))
      cells.registers.forEach((cell, i) => ops.push(['read', `r${i}`, tx.get(cell)]))
      ops.push(['read', 'c', tx.get(cells.merged)], ['range', 'm', {}, tx.get(cells.members)])
    }, options)
    attempt!.ok()
  }
}

function isWritten(ops: readonly unknown[], kind: string, key: string): boolean {
  return ops.some((op) => (op as readonly unknown[])[0] === kind && (op as readonly unknown[])[1] === key)
}
