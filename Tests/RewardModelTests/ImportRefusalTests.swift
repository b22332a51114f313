import FoundationEssentials
import RewardModel
import RewardTestSupport
import Testing

/// Files that are bad in one way each, and files damaged at random.
@Suite struct ImportRefusalTests {
    @Test(arguments: [
        ("system.pt", "posix.system"), ("eval.pt", "__builtin__.eval"), ("namespace.pt", "argparse.Namespace"),
    ])
    func anyOtherGlobalIsRefusedByNameAndNothingRuns(file: String, name: String) {
        let path = ImportTests.fixture(file)
        #expect(ImportTests.failure(path) == .refusedGlobal(path: path, name: name))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/rahf-was-run"))
    }

    @Test(arguments: [
        ("lying-size.pt", "has 32 bytes for 1099511627776 F32"), ("outside.pt", "lies outside its 8 elements"),
        ("expanded.pt", "lies outside its 8 elements"), ("overflow.pt", "lies outside its 8 elements"),
        ("negative.pt", "lies outside its 8 elements"), ("no-storage.pt", "which is missing"),
    ])
    func tensorsThatTheirStorageDoesNotHoldAreDamage(file: String, reason: String) {
        guard case .malformed(_, let found) = ImportTests.failure(ImportTests.fixture(file)) else {
            Issue.record("\(file) was taken")
            return
        }
        #expect(found.contains(reason))
    }

    @Test(arguments: [
        ("bomb.pt", "entry bomb/data/0 is compressed"), ("untyped.pt", "no type"), ("big-endian.pt", "little-endian"),
        ("number.pt", "w is no tensor"), ("list.pt", "state_dict"), ("nested.pt", "state_dict"),
        ("protocol-4.pt", "protocol 4"), ("legacy.pt", "before 1.6"),
        ("overlapping.pt", "its files hold only"),
    ])
    func soundFilesOfOtherKindsSayWhatTheyAre(file: String, reason: String) {
        guard case .unsupported(_, let found) = ImportTests.failure(ImportTests.fixture(file)) else {
            Issue.record("\(file) was taken")
            return
        }
        #expect(found.contains(reason))
    }

    /// `change` of port.pt, written and imported.
    private func failure(_ change: (inout [UInt8]) -> Void) throws -> ImportError? {
        var bytes = try Self.port.get()
        change(&bytes)
        let path = FileManager.default.temporaryDirectory.appending(path: "rahf-\(UUID().uuidString).pt")
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(bytes).write(to: path)
        return ImportTests.failure(path.path())
    }

    private static let port = Result { Array(try Data(contentsOf: URL(filePath: ImportTests.fixture("port.pt")))) }

    @Test func everyTruncationIsDamage() throws {
        let count = try Self.port.get().count
        for kept in [1, 3, 4, 30, 100, count / 2, count - 23, count - 22, count - 1] {
            #expect(try failure { $0.removeLast($0.count - kept) } != nil, "of \(count) bytes, \(kept)")
        }
    }

    @Test func aFlippedBitOfAWeightIsFoundByItsChecksum() throws {
        let error = try failure { bytes in
            let entry = bytes.firstRange(of: Array("port/data/0".utf8))
            bytes[(entry?.upperBound ?? 0) + 80] ^= 1
        }
        guard case .malformed(_, let reason) = error else {
            Issue.record("a flipped bit was taken")
            return
        }
        #expect(reason.contains("checksum"))
    }

    @Test func renamedTensorsAreMissingAndExtra() throws {
        let error = try failure { bytes in
            bytes.rename("vit.layernorm.weight", "vit.layernorm.weighs")
        }
        guard case .mismatch(_, let missing, let misshapen, let extra) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(missing == ["vit.layernorm.weight"] && misshapen.isEmpty && extra == ["vit.layernorm.weighs"])
    }

    @Test func aModulePrefixOnSomeNamesOnlyIsNoPrefix() throws {
        let error = try failure { bytes in
            bytes.rename("vit.layernorm.weight", "module.norm.weight12")
        }
        guard case .mismatch = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func damageAnywhereIsATypedErrorOrHarmless() throws {
        var random = SystemlessRandom(state: 11)
        for _ in 0..<400 {
            _ = try failure { bytes in
                // Headers and the directory are where readers go wrong: half of the flips fall on the last 12 KB.
                for _ in 0..<1 + random.next() % 3 {
                    let reach = random.next() % 2 == 0 ? 12_000 : bytes.count
                    bytes[bytes.count - 1 - Int(random.next() % UInt64(reach))] ^= UInt8(1 << (random.next() % 8))
                }
            }
        }
    }

    @Test func aDamagedPickleBehindAGoodChecksumIsATypedErrorOrHarmless() throws {
        var random = SystemlessRandom(state: 12)
        let places = try #require(try Self.port.get().pickleAndDirectory)
        let pickle = places.pickle
        for round in 0..<400 {
            _ = try failure { bytes in
                for _ in 0..<1 + random.next() % 3 {
                    let place = pickle.lowerBound + Int(random.next() % UInt64(pickle.count))
                    bytes[place] =
                        round % 2 == 0 ? UInt8(random.next() % 256) : bytes[place] ^ UInt8(1 << (random.next() % 8))
                }
                bytes.mendChecksum(places)
            }
        }
    }
}

extension [UInt8] {
    /// Bytes of `data.pkl`, which comes first, and the start of its directory record.
    fileprivate var pickleAndDirectory: (pickle: Range<Int>, directory: Int)? {
        guard let name = firstRange(of: Array("port/data.pkl".utf8)),
            let directory = firstRange(of: [0x50, 0x4b, 0x01, 0x02])?.lowerBound
        else { return nil }
        let start = name.upperBound + Int(self[28]) + Int(self[29]) << 8
        let size = (0..<4).reduce(0) { $0 | Int(self[directory + 20 + $1]) << (8 * $1) }
        return (start..<start + size, directory)
    }

    /// Renames a tensor to a name as long, behind a good checksum.
    fileprivate mutating func rename(_ old: String, _ new: String) {
        guard let places = pickleAndDirectory,
            let found = self[places.pickle].firstRange(of: Array(old.utf8))
        else { return }
        replaceSubrange(found, with: Array(new.utf8))
        mendChecksum(places)
    }

    /// Puts the pickle's CRC-32 into the directory.
    fileprivate mutating func mendChecksum(_ places: (pickle: Range<Int>, directory: Int)) {
        var sum = UInt32.max
        for byte in self[places.pickle] {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xedb8_8320 : sum >> 1 }
        }
        sum = ~sum
        for index in 0..<4 {
            self[places.directory + 16 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index)))
        }
    }
}
