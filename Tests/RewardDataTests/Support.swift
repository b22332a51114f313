import Glibc
import RewardData
import RewardImage
import RewardModel
import RewardTestSupport

func bytes(of path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return bytes
}

/// Records whose maps are multiples of 1/255, as files hold them.
func sampleRecords(_ count: Int) -> [FeedbackRecord] {
    (0..<count).map { index in
        let map = Heatmap(width: 5, height: 4, values: (0..<20).map { Float(($0 * 13 + index * 7) % 256) / 255 })
        return FeedbackRecord(
            filename: "set/image\(index).png", prompt: index % 2 == 0 ? "a red cat" : nil,
            group: index % 3 == 0 ? "g\(index)" : nil,
            scores: Scores(plausibility: 0, alignment: 1, aesthetics: Float(index) / 12, overall: 0.25),
            implausibility: map, misalignment: index == 1 ? nil : map,
            misaligned: index % 2 == 0 ? [false, index == 0, true] : [true])
    }
}

/// Writes records and returns the file's path.
func writeRecords(_ records: [FeedbackRecord], in folder: TemporaryFolder, name: String = "set.tfrecord") throws
    -> String
{
    let path = "\(folder.path)/\(name)"
    let writer = try FeedbackWriter(path: path)
    for record in records { try writer.write(record) }
    try writer.finish()
    return path
}
