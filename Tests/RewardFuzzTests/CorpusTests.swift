import Glibc
import RewardFuzzing
import RewardTestSupport
import Testing

/// Every input that is checked in, those that once stopped a parser among them: none stops this process.
@Suite struct CorpusTests {
    private static let folder = "\(Fixtures.repository)/Tests/RewardFuzzTests/Corpora"

    private static func files(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let handle = try #require(opendir("\(folder)/\(target.rawValue)"))
        defer { closedir(handle) }
        var files: [(name: String, bytes: [UInt8])] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard !name.hasPrefix("."), let file = fopen("\(folder)/\(target.rawValue)/\(name)", "rb") else { continue }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            bytes.removeSubrange(count...)
            files.append((name, bytes))
        }
        return files.sorted { $0.name < $1.name }
    }

    @Test(arguments: FuzzTarget.allCases) func noInputStopsTheProcess(target: FuzzTarget) throws {
        let files = try Self.files(target)
        #expect(files.count >= 2)
        for file in files { file.bytes.withUnsafeBytes { target.run($0) } }
    }

    /// Damage at every place of every input, cut short at every length: what a quick look would try first.
    @Test(arguments: FuzzTarget.allCases) func damagedInputsDoNotEither(target: FuzzTarget) throws {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for file in try Self.files(target) where !file.bytes.isEmpty {
            for _ in 0..<6 {
                var bytes = file.bytes
                bytes[random(bytes.count)] ^= UInt8(1 << random(8))
                if random(3) == 0 { bytes.removeLast(random(bytes.count)) }
                bytes.withUnsafeBytes { target.run($0) }
            }
        }
    }
}
