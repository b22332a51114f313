import TensorCPU
import TensorGraph
import Testing

/// What a program keeps beside the memory that all share.
@Suite struct ProgramMemoryTests {
    private struct NoWeights: ParameterSource {
        func parameter(named name: String) -> ParameterView? { nil }
    }

    /// x + transpose(table[indices]): the sum's right side never changes.
    private func program(_ engine: CPUEngine, first: Float) throws -> Program {
        var graph = Graph()
        let x = graph.input("x", [3, 4])
        let table = graph.constant([first, 1, 2, 3, 4, 5], [2, 3])
        let indices = graph.constant([Int32](arrayLiteral: 1, 0, 1, 1), [4])
        let sum = graph.add(x, graph.transpose(graph.embedding(table, indices), [1, 0]))
        return try engine.compile(graph, outputs: [sum])
    }

    @Test func onlyWhatARunReadsIsKept() throws {
        let engine = CPUEngine(source: NoWeights(), threads: 1)
        let program = try program(engine, first: 0)
        // The output and the sum's right side; not the table, the indices and the rows before they were transposed.
        #expect(program.byteCount == 2 * 12 * 4)
    }

    @Test func programsThatShareAValueComputeWhatTheyDidAlone() throws {
        let engine = CPUEngine(source: NoWeights(), threads: 1)
        let input = UnsafeMutableBufferPointer<Float>.allocate(capacity: 12)
        defer { input.deallocate() }
        input.initialize(repeating: 10)
        let base = try #require(input.baseAddress)
        func run(_ program: Program) throws -> [Float] {
            program.bind("x", to: base)
            try program.run()
            return Array(program.output(0))
        }
        let expected: [Float] = [13, 10, 13, 13, 14, 11, 14, 14, 15, 12, 15, 15]
        var first: Program? = try program(engine, first: 0)
        let second = try program(engine, first: 0)
        let other = try program(engine, first: 0.5)
        #expect(try run(#require(first)) == expected)
        first = nil
        // Memory of the first that was given back is written over by others meanwhile.
        let third = try program(engine, first: -1)
        #expect(try run(third)[1] == 9)
        #expect(try run(second) == expected, "the value lives as long as any of its programs")
        #expect(try run(other)[1] == 10.5, "another value is not taken for it")
    }
}
