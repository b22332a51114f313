import CRAHF
import RewardModel
import Testing

/// Arguments at random, from fixed seeds: whatever comes, the answer is a status, and what was refused is not added.
@Suite struct FuzzTests {
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            // SplitMix64 (Steele, Lea and Flood 2014).
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }

        /// A size: mostly 0, else small, near a power of two, or anything.
        mutating func size() -> Int {
            switch next() % 8 {
            case 0: Int(next() % 40)
            case 1: (1 << Int(next() % 63)) &+ Int(next() % 3) &- 1
            case 2: Int(bitPattern: UInt(next()))
            default: 0
            }
        }
    }

    @Test(arguments: 0..<8) func randomPixelDescriptionsNeverReadOutsideTheirData(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)
        defer { memory.deallocate() }
        for index in 0..<4096 {
            memory.storeBytes(of: UInt8(truncatingIfNeeded: index), toByteOffset: index, as: UInt8.self)
        }
        var accepted = 0
        try Library.withRequest { request in
            for _ in 0..<4000 {
                let before = rahf_request_count(request)
                var pixels = rahf_pixels()
                let size = Int(generator.next() % 4097)
                pixels.struct_size =
                    generator.next() % 16 == 0 ? generator.size() & 127 : MemoryLayout<rahf_pixels>.size
                // The end of the data is the end of the memory: a sanitizer sees a read past it.
                pixels.data = generator.next() % 32 == 0 ? nil : UnsafeRawPointer(memory + (4096 - size))
                pixels.data_size = size
                pixels.type = UInt32(generator.next() % 5)
                pixels.layout = UInt32(generator.next() % 4)
                pixels.width =
                    generator.next() % 8 == 0
                    ? UInt32(truncatingIfNeeded: generator.next()) : UInt32(generator.next() % 24)
                pixels.height =
                    generator.next() % 8 == 0
                    ? UInt32(truncatingIfNeeded: generator.next()) : UInt32(generator.next() % 24)
                pixels.row_stride = generator.size()
                pixels.pixel_stride = generator.size()
                pixels.plane_stride = generator.size()
                let status = rahf_request_add_pixels(
                    request, &pixels, "a cat", Library.nulTerminated, UInt32(generator.next() % 9), nil)
                #expect(String(cString: rahf_status_name(status)) != "UNKNOWN")
                #expect(rahf_request_count(request) == before + (status == Library.ok ? 1 : 0))
                if status == Library.ok { accepted += 1 }
            }
        }
        #expect(accepted > 50, "the generator must also reach the samples")
    }

    @Test(arguments: 0..<4) func damagedFilesAndPromptsFailAlone(seed: UInt64) throws {
        var generator = Generator(state: seed &+ 100)
        let files = try [
            Library.picture, "\(Library.folder)/picture-1.png", "\(Library.folder)/picture-2.png",
        ].map(Library.bytes)
        try Library.withModel { model in
            try Library.withRequest { request in
                for _ in 0..<40 {
                    var file = files[Int(generator.next() % 3)]
                    for _ in 0..<generator.next() % 4 {
                        file[Int(generator.next() % UInt64(file.count))] = UInt8(truncatingIfNeeded: generator.next())
                    }
                    if generator.next() % 3 == 0 { file.removeLast(Int(generator.next() % UInt64(file.count))) }
                    var prompt = (0..<Int(generator.next() % 40)).map { _ in CChar(truncatingIfNeeded: generator.next())
                    }
                    if generator.next() % 2 == 0 { prompt = Array("a cat on a mat".utf8CString.dropLast()) }
                    let status = rahf_request_add_encoded(
                        request, file, file.count, prompt, prompt.count, UInt32(RAHF_OUTPUT_ALL), nil)
                    #expect(status == Library.ok)
                }
                try Library.withResult(model, request) { result in
                    let statuses = (0..<40).map { rahf_result_status(result, $0) }
                    #expect(statuses.contains(Library.ok))
                    #expect(statuses.contains { $0 != Library.ok })
                    for (item, status) in statuses.enumerated() {
                        var scores = [Float](repeating: .nan, count: 4)
                        #expect(rahf_result_scores(result, item, &scores) == status)
                        #expect(scores.allSatisfy { status == Library.ok ? (0...1).contains($0) : $0.isNaN })
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<4) func damagedModelsAreRefusedOrAnswer(seed: UInt64) throws {
        var generator = Generator(state: seed &+ 200)
        let parts = try ["config.json", "model.safetensors", "spiece.model"].map {
            try Library.bytes("\(Library.folder)/\($0)")
        }
        let picture = try Library.bytes(Library.picture)
        for _ in 0..<40 {
            var damaged = parts
            let part = Int(generator.next() % 3)
            // Headers are where reading can go wrong.
            let reach = UInt64(min(damaged[part].count, 6000))
            for _ in 0...generator.next() % 3 {
                damaged[part][Int(generator.next() % reach)] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 4 == 0 { damaged[part].removeLast(Int(generator.next() % reach)) }
            try damaged[1].withUnsafeBytes { weights in
                var model: OpaquePointer?
                let status = rahf_model_load_memory(
                    damaged[0], damaged[0].count, weights.baseAddress, weights.count, damaged[2], damaged[2].count,
                    nil, nil, nil, &model)
                #expect((status == Library.ok) == (model != nil))
                guard let model else {
                    #expect(!Library.lastError.isEmpty)
                    return
                }
                defer { rahf_model_free(model) }
                try Library.withRequest { request in
                    #expect(Library.add(request, picture, "a cat") == Library.ok)
                    try Library.withResult(model, request) { result in
                        #expect(String(cString: rahf_status_name(rahf_result_status(result, 0))) != "UNKNOWN")
                    }
                }
            }
        }
    }
}
