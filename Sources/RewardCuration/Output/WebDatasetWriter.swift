package import RewardModel

/// Shards as the `webdataset` package and `datasets` read them: `00000.tar` with, for each sample, the image, its
/// prompt as `.txt` and its scores as `.json`. A key is the shard's five digits and four of the sample's.
final class WebDatasetWriter: DataSetWriter {
    /// Samples of one shard; a key has four digits for them.
    static let samplesPerShard = 1000

    private let folder: String
    private var shard: TarWriter?
    private var count = 0

    init(path: String) throws(Failure) {
        folder = path
        try Folders.make(path)
    }

    func add(_ sample: KeptSample) throws {
        let (number, index) = count.quotientAndRemainder(dividingBy: Self.samplesPerShard)
        if index == 0 {
            try shard?.finish()
            shard = try TarWriter(path: "\(folder)/\(Self.padded(number, 5)).tar")
        }
        let key = Self.padded(number, 5) + Self.padded(index, 4)
        let bytes = try sample.bytes()
        var row = JSONRow()
        row.add("key", key)
        row.add("text", sample.line.prompt)
        sample.addColumns(to: &row)
        try shard?.add("\(key).json", Array(row.object.utf8))
        try shard?.add("\(key).\(KeptSample.fileExtension(bytes))", bytes)
        try shard?.add("\(key).txt", Array(sample.line.prompt.utf8))
        count += 1
    }

    func finish() throws {
        try shard?.finish()
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }
}

/// Writes a tar file (ustar) of small files with short names. The same members give the same bytes.
package final class TarWriter {
    private let file: FileWriter

    package init(path: String) throws(Failure) {
        file = try FileWriter(path: path)
    }

    /// Adds a regular file.
    ///
    /// - Parameter name: at most 100 bytes of UTF-8.
    package func add(_ name: String, _ bytes: [UInt8]) throws(Failure) {
        precondition(name.utf8.count <= 100 && bytes.count < 1 << 33, "ustar has no room for \(name)")
        var header = [UInt8](repeating: 0, count: 512)
        func set(_ text: String, at start: Int) {
            for (index, byte) in text.utf8.enumerated() { header[start + index] = byte }
        }
        func octal(_ value: Int, digits: Int, at start: Int) {
            let text = String(value, radix: 8)
            set(String(repeating: "0", count: digits - text.count) + text, at: start)
        }
        set(name, at: 0)
        octal(0o644, digits: 7, at: 100)
        octal(0, digits: 7, at: 108)
        octal(0, digits: 7, at: 116)
        octal(bytes.count, digits: 11, at: 124)
        octal(0, digits: 11, at: 136)
        set("        ", at: 148)
        set("0", at: 156)
        set("ustar\u{0}00", at: 257)
        octal(header.reduce(0) { $0 + Int($1) }, digits: 6, at: 148)
        header[154] = 0
        try file.append(header)
        try file.append(bytes)
        try file.append([UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512))
    }

    /// Writes the archive's end.
    package func finish() throws(Failure) {
        try file.append([UInt8](repeating: 0, count: 1024))
        try file.flush()
    }
}
