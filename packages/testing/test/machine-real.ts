import { collection, count, counter, list, lww, place } from '@syncline/merge'
import { StmError, type Readable, type Snapshot, type Tx } from '@syncline/stm'
import type { Machine, Query, Write } from './program.ts'

const cells = { x: lww('x', 0), y: lww('y', 0), votes: counter('votes'), steps: list<number>('steps') }
const cards = collection('cards', { title: '', likes: count(), at: place() })

/** What a query asks for. */
export function readableOf(what: Query): Readable<unknown> {
  if (what === 'cards') return cards
  if (typeof what === 'string') return cells[what]
  if ('card' in what) return cards.at(what.card)
  if ('slice' in what) return cards.list(what.list).slice(...what.slice)
  if ('list' in what) return cards.list(what.list)
  return cards.range(what)
}

/** A value as the model has it: a card without its place. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { title, likes } = value as { title: string; likes: number }
  return { title, likes }
}

/** What a query gives in a Snapshot. */
export function look(snapshot: Snapshot, what: Query): unknown {
  return plain(snapshot.get(readableOf(what)))
}

/** A transaction as a machine for programs. `once` gathers what it has asked for. */
export function realMachine(tx: Tx, once: Map<string, unknown>): Machine {
  return {
    read: (what) => plain(tx.get(readableOf(what))),
    peek: (what) => plain(tx.peek(readableOf(what))),
    ensure: (what) => tx.ensure(readableOf(what)),
    write(write) {
      try {
        perform(tx, write)
        return undefined
      } catch (error) {
        if (!(error instanceof StmError)) throw error
        return error.code
      }
    },
    effect: (input) => tx.effect('tell', input),
    once: (key) =>
      tx.once(key, () => {
        if (once.has(key)) throw new Error(`${key} was asked for twice.`)
        const value = once.size + 1
        once.set(key, value)
        return value
      }),
    savepoint: (body) => tx.savepoint((inner) => body(realMachine(inner, once))),
    orElse: (left, right) =>
      tx.orElse(
        (inner) => left(realMachine(inner, once)),
        (inner) => right(realMachine(inner, once)),
      ),
    retry: () => tx.retry(),
  }
}

function perform(tx: Tx, write: Write): void {
  if ('set' in write) tx.set(cells[write.set], write.to)
  else if ('bump' in write) tx.update(cells[write.bump], (value) => value + 1)
  else if ('commute' in write) tx.commute(cells[write.commute], (value) => value + write.by)
  else if ('add' in write) tx.add(cells.votes, write.add)
  else if ('commuteVotes' in write) tx.commute(cells.votes, { add: write.commuteVotes })
  else if ('insert' in write) tx.insert(cells.steps, write.at, write.insert)
  else if ('commuteStep' in write) tx.commute(cells.steps, { insert: write.commuteStep, index: write.at })
  else if ('remove' in write) tx.remove(cells.steps, write.remove, 1)
  else if ('create' in write) tx.create(cards.at(write.create), { title: write.title })
  else if ('delete' in write) tx.delete(cards.at(write.delete))
  else if ('rename' in write) tx.patch(cards.at(write.rename), { title: write.title })
  else if ('like' in write) tx.add(cards.at(write.like), 1, 'likes')
  else tx.move(cards.at(write.move), cards.list(write.list), write.index)
}
