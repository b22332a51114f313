import RewardModel
import RewardTestSupport
import Testing

import RewardCuration

@Suite struct TarTests {
    private func members(_ path: String) throws -> [TarReader.Member] {
        var reader = try TarReader(path: path)
        var found: [TarReader.Member] = []
        while let member = try reader.next() { found.append(member) }
        return found
    }

    @Test func whatIsWrittenIsRead() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/a.tar"
            let writer = try TarWriter(path: path)
            let files: [(String, [UInt8])] = [
                ("a.png", [1, 2, 3]), ("a.txt", []), ("b.bin", .init(repeating: 7, count: 1024)),
            ]
            for (name, bytes) in files { try writer.add(name, bytes) }
            try writer.finish()
            let found = try members(path)
            #expect(found.map(\.name) == files.map(\.0))
            let file = try SystemFile(path: path)
            for (member, (_, bytes)) in zip(found, files) {
                #expect(try file.bytes(at: member.offset, count: member.size) == bytes)
            }
        }
    }

    /// Archives made by Python's tarfile: see the fixtures' README.
    @Test(arguments: ["ustar", "pax", "gnu"]) func pythonsArchivesAreRead(format: String) throws {
        let path = Fixtures.path("RewardCurationTests", "\(format).tar")
        let found = try members(path)
        let long = String(repeating: "long-folder/", count: format == "ustar" ? 15 : 20) + "picture.png"
        #expect(found.map(\.name) == ["short.txt", long, "last.bin"])
        let file = try SystemFile(path: path)
        #expect(try file.bytes(at: found[1].offset, count: found[1].size) == Array("picture".utf8))
        #expect(found[2].size == 600)
    }

    @Test func damagedArchivesAreErrorsOrReadInBounds() throws {
        try withTemporaryFolder { folder in
            var dice = Numbers(5)
            for format in ["ustar", "pax", "gnu"] {
                let sound = try contents(Fixtures.path("RewardCurationTests", "\(format).tar"))
                for round in 0..<400 {
                    var bytes = sound
                    if round % 4 == 0 { bytes.removeLast(dice.next(bytes.count)) }
                    for _ in 0..<dice.next(4) where !bytes.isEmpty {
                        bytes[dice.next(min(bytes.count, 4096))] = UInt8(dice.next(256))
                    }
                    let path = "\(folder)/\(format)\(round).tar"
                    try write(bytes, to: path)
                    do {
                        for member in try members(path) {
                            #expect(
                                member.offset >= 0 && member.size >= 0 && member.offset + member.size <= bytes.count)
                        }
                    } catch let failure as Failure {
                        #expect(failure.code == .fileError)
                    }
                }
            }
        }
    }
}
