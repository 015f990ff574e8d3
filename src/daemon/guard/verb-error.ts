export { VerbError } from '../../linux/control-socket.ts'
