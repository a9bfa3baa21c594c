import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { expect, type LabPage, test } from './support/lab.ts'

type Row = readonly [
  id: number,
  name: string,
  country: string,
  admin: string,
  feature: string,
  population: number,
  lat: number,
  lon: number,
]

async function readCities(): Promise<readonly Row[]> {
  const file = new URL('../../third_party/cities/cities-10k.json.gz', import.meta.url)
  // Its README says what is in it.
  return (JSON.parse(gunzipSync(await readFile(file)).toString()) as { rows: Row[] }).rows
}

function longer([id, name, country, admin, ...rest]: Row): Row {
  return [id, name, country, admin.padEnd(80, '.'), ...rest]
}

for (const { title, rowsEach } of [
  { title: 'in one transaction, longer than a message', rowsEach: 10_000 },
  ...(process.env.SYNCLINE_LONG === '1' ? [{ title: 'in transactions of 500 rows', rowsEach: 500 }] : []),
]) {
  test(`10,000 cities are imported ${title}, found elsewhere, and found again without a relay`, async ({
    openLab,
    relay,
  }) => {
    const cities = await readCities()
    // As they are, all of them together are no longer than a message.
    const rows = rowsEach === 10_000 ? cities.map(longer) : cities
    expect(rows).toHaveLength(10_000)
    const expected = sumOf(rows)
    const [writer, reader] = [await openLab(), await openLab()]

    const changes = await writer.page.evaluate(importCities, { rows, rowsEach })
    expect(changes).toBe(10_000 / rowsEach)
    for (const { page } of [writer, reader]) {
      await page.evaluate(async (seq) => {
        await lab.until(() => lab.store.snapshot.basis.relaySeq === seq)
        await lab.store.durable()
      }, changes)
    }
    expect(await read(writer)).toEqual(expected)
    expect(await read(reader)).toEqual(expected)

    const { changesUp, partsUp, messagesUp } = writer.wire.counts
    expect(changesUp).toBe(changes)
    expect(reader.wire.counts.changesDown).toBe(changes)
    if (rowsEach === 10_000) expect(partsUp).toBeGreaterThan(1)
    else expect(messagesUp).toBeGreaterThan(changes / 10)

    await relay.stop('SIGKILL')
    try {
      for (const lab of [writer, reader]) {
        await lab.reload()
        expect(await read(lab)).toEqual(expected)
      }
    } finally {
      await relay.start()
    }
  })
}

/** In the page: imports, and waits until the relay has it all. Returns how many Changes that made. */
async function importCities({ rows, rowsEach }: { rows: readonly Row[]; rowsEach: number }): Promise<number> {
  const { store, cities } = lab
  let changes = 0
  for (let at = 0; at < rows.length; at += rowsEach) {
    const receipt = store.transact((tx) => {
      for (const [id, name, country, admin, feature, population, lat, lon] of rows.slice(at, at + rowsEach)) {
        tx.create(cities.at(`${id}`), { name, country, admin, feature, population, lat, lon })
      }
    })
    if (receipt.change !== undefined) changes++
  }
  await store.synced()
  return changes
}

interface Sum {
  readonly count: number
  readonly sha256: string
}

function read({ page }: LabPage): Promise<Sum> {
  return page.evaluate(async () => {
    const lines = Array.from(lab.store.items(lab.cities), ([id, city]) => {
      const { name, country, admin, feature, population, lat, lon } = city
      return JSON.stringify([id, name, country, admin, feature, population, lat, lon])
    })
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lines.sort().join('\n')))
    const sha256 = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return { count: lines.length, sha256 }
  })
}

function sumOf(rows: readonly Row[]): Sum {
  const lines = rows.map(([id, ...fields]) => JSON.stringify([`${id}`, ...fields])).sort()
  return { count: lines.length, sha256: createHash('sha256').update(lines.join('\n')).digest('hex') }
}
