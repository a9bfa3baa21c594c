import type { CellWrite, Contender, Replica, Update } from './contender.ts'
import { columns, rowsOf, type Row } from './rows.ts'

/** What one repetition of a workload gives. */
export interface Outcome {
  /** What is measured, by what it is called: microseconds or milliseconds, bytes. */
  readonly [measure: string]: number
}

/** Measures: runs `work` and returns the milliseconds of processor time that it took. */
type Timed = (work: () => unknown) => Promise<number>

/** A row of the table of the README. */
export interface Workload {
  /** What a contender must be able to do. */
  readonly needs: readonly (keyof Replica | 'load')[]
  /** One repetition: sets up, measures, and checks what came of it. */
  run(contender: Contender, timed: Timed): Promise<Outcome>
}

const ROWS = 10_000
const FEW_ROWS = 1_000
const KEYS = 100_000
const SAME_KEYS = 100
const WRITES = 100_000
const CELLS = 20_000
const WRITERS = 100
/** Who is slower than this for single transactions makes fewer of them. */
const PATIENCE_MS = 4_000

const keys = (count: number): (readonly [string, number])[] =>
  Array.from({ length: count }, (_, i) => [`key${i}`, i + 1] as const)

/** The nth write of a cell: all over the table, texts and numbers in turn. */
function cellWrite(n: number, rows: number): CellWrite {
  const id = `row${(n * 7919) % rows}`
  return n % 2 === 0 ? { id, column: 'votes', value: -n } : { id, column: 'title', value: `Written ${n}` }
}

/** The table after some writes. */
function written(rows: readonly Row[], writes: readonly CellWrite[]): ReadonlyMap<string, Row> {
  const table = new Map(rows.map((row) => [row.id, row]))
  for (const { id, column, value } of writes) table.set(id, { ...table.get(id)!, [column]: value })
  return table
}

function expectRows(replica: Replica, expected: ReadonlyMap<string, Row>): void {
  let count = 0
  replica.eachRow((row) => {
    const wanted = expected.get(row.id)
    for (const column of columns) {
      if (wanted === undefined || row[column] !== wanted[column]) {
        throw new Error(`${row.id} has ${column} ${String(row[column])}, not ${String(wanted?.[column])}.`)
      }
    }
    count += 1
  })
  if (count !== expected.size) throw new Error(`There are ${count} rows, not ${expected.size}.`)
}

function expectKeys(replica: Replica, expected: ReadonlyMap<string, number>): void {
  let count = 0
  replica.eachKey((key, value) => {
    if (expected.get(key) !== value) throw new Error(`${key} is ${value}, not ${expected.get(key)}.`)
    count += 1
  })
  if (count !== expected.size) throw new Error(`There are ${count} keys, not ${expected.size}.`)
}

/** Does something `most` times, or as often as there is time; returns how often. */
function often(most: number, work: (n: number) => unknown): number {
  const end = performance.now() + PATIENCE_MS
  let n = 0
  while (n < most && (n % 16 !== 0 || performance.now() < end)) work(n++)
  return n
}

async function table(contender: Contender, count: number): Promise<Replica> {
  const replica = await contender.open(1)
  replica.insertRows(rowsOf(count))
  await replica.settled?.()
  return replica
}

export const workloads: Readonly<Record<string, Workload>> = {
  keys: {
    needs: ['setKeys'],
    async run(contender, timed) {
      const entries = keys(KEYS)
      const replica = await contender.open(1)
      const ms = await timed(() => {
        replica.setKeys(entries)
        return replica.settled?.()
      })
      expectKeys(replica, new Map(entries))
      return { µs: (ms * 1000) / KEYS }
    },
  },

  overwrite: {
    needs: ['setKey'],
    async run(contender, timed) {
      const replica = await contender.open(1)
      replica.setKeys(keys(SAME_KEYS))
      await replica.settled?.()
      const names = keys(SAME_KEYS).map(([key]) => key)
      const before = contender.lacks?.includes('keptBytes') ? 0 : replica.keptBytes()
      let done = 0
      const ms = await timed(() => {
        done = often(WRITES, (n) => replica.setKey(names[n % SAME_KEYS]!, n))
        return replica.settled?.()
      })
      const expected = new Map(keys(SAME_KEYS))
      for (let n = 0; n < done; n++) expected.set(names[n % SAME_KEYS]!, n)
      expectKeys(replica, expected)
      const kept = contender.lacks?.includes('keptBytes') ? undefined : replica.keptBytes() - before
      return { µs: (ms * 1000) / done, ...(kept !== undefined && { bytes: Math.max(0, kept) / done }) }
    },
  },

  insert: {
    needs: ['insertRows'],
    async run(contender, timed) {
      const rows = rowsOf(ROWS)
      const replica = await contender.open(1)
      const ms = await timed(() => {
        replica.insertRows(rows)
        return replica.settled?.()
      })
      expectRows(replica, written(rows, []))
      return { µs: (ms * 1000) / ROWS }
    },
  },

  local: {
    needs: ['setCells'],
    async run(contender, timed) {
      const replica = await table(contender, ROWS)
      const writes = Array.from({ length: CELLS }, (_, n) => cellWrite(n, ROWS))
      let done = 0
      const ms = await timed(() => {
        done = often(CELLS, (n) => replica.setCells([writes[n]!]))
        return replica.settled?.()
      })
      expectRows(replica, written(rowsOf(ROWS), writes.slice(0, done)))
      return { µs: (ms * 1000) / done }
    },
  },

  remote: {
    needs: ['setCells', 'apply', 'load'],
    async run(contender, timed) {
      const other = await table(contender, ROWS)
      const replica = await contender.load(other.save(), 2)
      const writes = Array.from({ length: CELLS }, (_, n) => cellWrite(n, ROWS))
      const updates: Update[] = []
      often(CELLS, (n) => updates.push(other.setCells([writes[n]!])))
      let done = 0
      const ms = await timed(() => {
        done = often(updates.length, (n) => replica.apply(updates[n]!))
      })
      expectRows(replica, written(rowsOf(ROWS), writes.slice(0, done)))
      return { µs: (ms * 1000) / done }
    },
  },

  load: {
    needs: ['save', 'load'],
    async run(contender, timed) {
      const saved = (await table(contender, ROWS)).save()
      let [replica, points]: [Replica | undefined, number] = [undefined, 0]
      const ms = await timed(async () => {
        replica = await contender.load(saved, 2)
        replica.eachRow((row) => {
          points += row.points
        })
      })
      expectRows(replica!, written(rowsOf(ROWS), []))
      if (points !== rowsOf(ROWS).reduce((sum, row) => sum + row.points, 0)) throw new Error('Not all rows were read.')
      replica = undefined
      return { ms, MB: (await heapOf(contender, saved)) / 1e6 }
    },
  },

  merge: {
    needs: ['setCells', 'apply', 'load', 'save'],
    async run(contender, timed) {
      const base = await table(contender, FEW_ROWS)
      const saved = base.save()
      const writes: CellWrite[] = []
      const updates: Update[] = []
      for (let writer = 0; writer < WRITERS; writer++) {
        const replica = await contender.load(saved, writer + 2)
        // Each its own cells, so that it is known what must come of it.
        const own = Array.from({ length: 100 }, (_, i) => {
          const n = writer * 100 + i
          return {
            id: `row${n % FEW_ROWS}`,
            column: columns[Math.floor(n / FEW_ROWS) % 4]!,
            value: `${writer} wrote ${i}`,
          }
        })
        updates.push(replica.setCells(own))
        writes.push(...own)
      }
      const replica = await contender.load(saved, 1_000)
      const ms = await timed(() => updates.forEach((update) => replica.apply(update)))
      // Several have written the same cell at the same time: any of them may stand, the same for everybody.
      const known = new Set(writes.map(({ id, column, value }) => `${id} ${column} ${String(value)}`))
      const other = await contender.load(saved, 1_001)
      for (const update of updates.toReversed()) other.apply(update)
      const merged = new Map<string, Row>()
      replica.eachRow((row) => {
        for (const column of columns.slice(0, 4)) {
          if (!known.has(`${row.id} ${column} ${row[column]}`))
            throw new Error(`Nobody wrote ${column} ${row[column]}.`)
        }
        merged.set(row.id, row)
      })
      if (merged.size !== FEW_ROWS) throw new Error(`There are ${merged.size} rows.`)
      expectRows(other, merged)
      return { ms }
    },
  },
}

/** How much memory a replica takes when all rows have been read. */
async function heapOf(contender: Contender, saved: Update): Promise<number> {
  const { gc } = globalThis as { readonly gc?: () => void }
  if (gc === undefined) throw new Error('Run node with --expose-gc.')
  const held: unknown[] = []
  gc()
  const before = process.memoryUsage().heapUsed
  held.push(await contender.load(saved, 3))
  ;(held[0] as Replica).eachRow(() => undefined)
  gc()
  const after = process.memoryUsage().heapUsed
  if (held.length !== 1) throw new Error('It must not be collected before.')
  return after - before
}
