import { collection, count, lww } from '@syncline/merge'
import type { Store } from '@syncline/store'
import type { Database } from 'node-sqlite3-wasm'

/** What people edit in the app, and what other programs read and write as the table `cards`. */
export const cards = collection('cards', { title: '', done: false, votes: count() })

/** Up to which of the table's own changes the space has them. In the space, so it changes together with what they have changed. */
const taken = lww('mirrors.cards', 0)

interface Card {
  readonly title: string
  readonly done: boolean
  readonly votes: number
}

/**
 * The table, what each row was when space and table last said the same, and which rows others have written since: of those the triggers keep books, but not of what
 * the mirror writes itself.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS cards (
    id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, votes INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS cards_before (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INTEGER, votes INTEGER);
  CREATE TABLE IF NOT EXISTS cards_news (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS cards_mirror (is_writing INTEGER NOT NULL);
  INSERT INTO cards_mirror SELECT 0 WHERE NOT EXISTS (SELECT * FROM cards_mirror);
  CREATE TRIGGER IF NOT EXISTS cards_inserted AFTER INSERT ON cards WHEN (SELECT NOT is_writing FROM cards_mirror)
    BEGIN INSERT INTO cards_news (id) VALUES (new.id); END;
  CREATE TRIGGER IF NOT EXISTS cards_updated AFTER UPDATE ON cards WHEN (SELECT NOT is_writing FROM cards_mirror)
    BEGIN INSERT INTO cards_news (id) VALUES (new.id); END;
  CREATE TRIGGER IF NOT EXISTS cards_deleted AFTER DELETE ON cards WHEN (SELECT NOT is_writing FROM cards_mirror)
    BEGIN INSERT INTO cards_news (id) VALUES (old.id); END;
`

/** A mirror that runs. */
export interface Mirror {
  /** Resolves when each has what the other had when this was called. */
  settle(): Promise<void>
  stop(): Promise<void>
}

/**
 * Keeps a collection of a space and a table of SQLite equal, both ways: what people edit is in the table a moment later, and what other programs write there is merged into the
 * space, field by field. What was written on either side while the mirror was away is taken in when it is back. One mirror a space. A turn looks at all rows, some ten times a second at most.
 */
export function mirror(store: Store, database: Database): Mirror {
  database.exec(SCHEMA)
  let turn = Promise.resolve()
  let isAsked = false

  /** One turn after the other, and never more than one that waits. */
  function look(): Promise<void> {
    if (isAsked) return turn
    isAsked = true
    turn = turn.then(async () => {
      isAsked = false
      await takeNews()
      writeTable()
    })
    return turn
  }

  /** What others have written into the table goes into the space, in one transaction. */
  async function takeNews(): Promise<void> {
    const news = database.all('SELECT max(number) AS number, id FROM cards_news GROUP BY id')
    if (news.length === 0) return
    const last = Math.max(...news.map(({ number }) => Number(number)))
    const rows = news.map(({ id }) => ({ id: String(id), before: rowOf('cards_before', id), now: rowOf('cards', id) }))
    await store
      .transact((tx) => {
        // It has them when the mirror ended between this commit and the next step.
        if (tx.get(taken) >= last) return
        tx.set(taken, last)
        for (const { id, before, now } of rows) {
          const card = cards.at(id)
          const isThere = tx.get(card) !== undefined
          if (now === undefined) tx.delete(card)
          else if (isThere) tx.merge(card, before ?? now, now)
          // Of one that was deleted meanwhile there is nothing to merge with.
          else if (before === undefined) {
            const { votes, ...fields } = now
            tx.create(card, fields)
            tx.add(card, votes, 'votes')
          }
        }
      })
      .durable()
    inTransaction(() => {
      database.run('DELETE FROM cards_news WHERE number <= ?', [last])
      for (const { id, now } of rows) put('cards_before', id, now)
    })
  }

  /** What the space has goes into the table, but for rows that somebody has written since: they are merged first. */
  function writeTable(): void {
    inTransaction(() => {
      const unread = new Set(database.all('SELECT id FROM cards_news').map(({ id }) => String(id)))
      const members = new Map<string, Card>(store.snapshot.items(cards))
      const known = new Set(database.all('SELECT id FROM cards_before').map(({ id }) => String(id)))
      for (const id of new Set([...members.keys(), ...known])) {
        const card = members.get(id)
        if (unread.has(id) || isSame(card, rowOf('cards_before', id))) continue
        put('cards', id, card)
        put('cards_before', id, card)
      }
    })
  }

  function rowOf(table: string, id: unknown): Card | undefined {
    const row = database.get(`SELECT title, done, votes FROM ${table} WHERE id = ?`, [String(id)])
    if (row === null || row === undefined) return undefined
    return { title: String(row['title']), done: row['done'] === 1, votes: Number(row['votes']) }
  }

  function put(table: string, id: string, card: Card | undefined): void {
    if (card === undefined) return void database.run(`DELETE FROM ${table} WHERE id = ?`, [id])
    const { title, done, votes } = card
    database.run(`INSERT OR REPLACE INTO ${table} (id, title, done, votes) VALUES (?, ?, ?, ?)`, [
      id,
      title,
      done ? 1 : 0,
      votes,
    ])
  }

  function inTransaction(work: () => void): void {
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec('UPDATE cards_mirror SET is_writing = 1')
      work()
      database.exec('UPDATE cards_mirror SET is_writing = 0')
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }

  const report = (error: unknown): void => console.error('The mirror could not go on; it tries again.', error)
  const again = (): void => void look().catch(report)
  const unsubscribe = store.changes(cards, again, { every: 100, initial: true })
  const timer = setInterval(again, 1000)
  return {
    settle: () => turn.catch(() => undefined).then(look),
    async stop() {
      unsubscribe()
      clearInterval(timer)
      await turn.catch(() => undefined)
    },
  }
}

function isSame(a: Card | undefined, b: Card | undefined): boolean {
  return a?.title === b?.title && a?.done === b?.done && a?.votes === b?.votes
}
