import { describeMatch } from '../_testing/describe-match.ts'
import { bpf } from './bpf.ts'

/** Programs that the kernel takes. */
const programs = {
  isTcp: '4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0',
  // The destination port behind a header of any length is 22.
  port22: '5,177 0 0 0,72 0 0 2,21 0 1 22,6 0 0 65535,6 0 0 0',
  // Memory, X, arithmetic: (length * 3 + 7) mod 5 == 2.
  sums: '10,128 0 0 0,36 0 0 3,4 0 0 7,2 0 0 5,97 0 0 5,135 0 0 0,148 0 0 5,21 0 1 2,6 0 0 1,6 0 0 0',
  byX: '6,48 0 0 8,7 0 0 0,80 0 0 0,69 0 1 1,6 0 0 1,6 0 0 0',
  divide: '5,48 0 0 1,7 0 0 0,0 0 0 100,60 0 0 0,22 0 0 0',
  logic: '9,32 0 0 12,84 0 0 16711935,68 0 0 1,164 0 0 65535,116 0 0 3,100 0 0 2,37 0 1 4096,6 0 0 1,6 0 0 0',
  network: '4,48 0 0 4293918729,21 0 1 6,6 0 0 1,6 0 0 0',
  link: '4,40 0 0 4292870156,53 0 1 2048,6 0 0 1,6 0 0 0',
  mark: '4,32 0 0 4294963220,69 0 1 1,6 0 0 1,6 0 0 0',
  packetType: '4,32 0 0 4294963204,21 0 1 1,6 0 0 1,6 0 0 0',
  far: '2,48 0 0 60,6 0 0 1',
  jump: '4,5 0 0 1,6 0 0 0,132 0 0 0,6 0 0 7',
}

const text = {
  ...Object.fromEntries(
    Object.values(programs).map((each) => [`--bytecode "${each}"`, `--bytecode "${each}"`]),
  ),
  '--bytecode "1,6 0 0 1,"': '--bytecode "1,6 0 0 1"',
  '--bytecode "2,6 0 0 1"': 'error bpf/bad-program',
  '--bytecode "1,6 0 0 1,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "0,"': 'error bpf/bad-program',
  '--bytecode "65,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "1,6 0 0"': 'error bpf/bad-program',
  '--bytecode "x"': 'error bpf/bad-program',
  // No return, an unknown code, jumps beyond the end, division by zero, memory that is not there or unwritten.
  '--bytecode "1,48 0 0 9"': 'error bpf/bad-program',
  '--bytecode "1,255 0 0 9"': 'error bpf/bad-program',
  '--bytecode "2,21 1 0 9,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "2,52 0 0 0,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "2,100 0 0 32,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "2,2 0 0 16,6 0 0 0"': 'error bpf/bad-program',
  '--bytecode "2,96 0 0 3,6 0 0 0"': 'error bpf/bad-program',
  '--object-pinned /nowhere/program': 'error bpf/no-object',
  '': 'error bpf/no-program',
}

describeMatch(bpf, {
  text,
  packets: {
    [`--bytecode "${programs.isTcp}"`]: {
      yes: ['syn'],
      no: { 'udp 198.51.100.7 > 203.0.113.1:9': 'the program returned 0' },
    },
    [`--bytecode "${programs.port22}"`]: { yes: ['> :22', '> :22 opts=01010101'], no: ['> :23'] },
    [`--bytecode "${programs.far}"`]: { yes: ['len=61'], no: ['len=60'] },
  },
})
describeMatch(bpf, {
  family: 'ipv6',
  text,
  packets: { [`--bytecode "${programs.far}"`]: { yes: ['len=61'], no: ['len=60'] } },
})
