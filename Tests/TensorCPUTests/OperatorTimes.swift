import Glibc
import TensorCPU
import Testing

/// The table's third way: the time of every case. Printed, never judged; `make bench-operators` asks for it.
@Suite(.enabled(if: getenv("RAHF_TIME_OPERATORS") != nil), .serialized) struct OperatorTimes {
    private static let threads = 2

    @Test func printTheTimeOfEveryCase() throws {
        print("median microseconds, \(Self.threads) threads, \(CPUEngine.instructionSet)")
        print("     value  value and gradient")
        for testCase in OperatorCase.paperSized + OperatorCase.all {
            let values = testCase.values()
            let plain = try CompiledCase(testCase, values, threads: Self.threads)
            let value = try Self.microseconds(plain)
            guard !testCase.sources.isEmpty else {
                print("\(Self.column(value))           -  \(testCase.name)")
                continue
            }
            let seed = [Float](repeating: 0.5, count: plain.output(0).count)
            let both = try Self.microseconds(try CompiledCase(testCase, values, threads: Self.threads, seed: seed))
            print("\(Self.column(value))  \(Self.column(both))  \(testCase.name)")
        }
    }

    /// Median over rounds of the time of one run; small cases are run many times a round.
    private static func microseconds(_ program: CompiledCase) throws -> Double {
        try program.run()
        let first = try seconds { try program.run() }
        let repeats = max(1, Int(0.002 / max(first, 1e-7)))
        let rounds = try (0..<7).map { _ in
            try seconds { for _ in 0..<repeats { try program.run() } } / Double(repeats)
        }
        return rounds.sorted()[3] * 1e6
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        let start = now()
        try body()
        return now() - start
    }

    /// Ten places, two decimals.
    private static func column(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let text = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }
}
