import type { Presence } from './language.ts'

/** What somebody shows of itself where it is an object: who it is, and where its cursor is. */
export interface Shown {
  readonly user: string
  readonly cursor: number
}

const USER = 'client '

/** What a client shows in one of its turns. */
export const shownBy = (client: number, turn: number): Shown => ({ user: `${USER}${client}`, cursor: turn })

/** Whose it is, and of which turn. */
export const presenceIn = ({ user, cursor }: Shown): Presence => ({
  client: Number(user.slice(USER.length)),
  turn: cursor,
})
