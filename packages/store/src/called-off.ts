/** Why a wait ends that this package has begun and ends. Nobody is told, so it is no error: to make one with its stack, for each tab that closes, is dear. */
export const CALLED_OFF = 'called off'
