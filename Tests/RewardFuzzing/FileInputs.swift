import RewardData
import RewardImage
import RewardModel

/// Files as they come from the web.
enum FileInputs {
    static func image(_ bytes: UnsafeRawBufferPointer) {
        let limits = ImageLimits(maxSide: 2000, maxPixels: 250_000)
        guard let decoded = try? ImageDecoder.decode(Array(bytes), limits: limits) else { return }
        let (width, height) = (decoded.image.width, decoded.image.height)
        require(width > 0 && height > 0 && width * height <= limits.maxPixels, "pixels are bounded")
        switch decoded.image.samples {
        case .uint8(let values): require(values.count == width * height * 3, "every pixel is there")
        case .float32(let values): require(values.count == width * height * 3, "every pixel is there")
        }
    }

    static func npy(_ bytes: UnsafeRawBufferPointer) {
        if let array = try? NPYDecoder.decode(Array(bytes)) {
            require(array.values.count == array.shape.reduce(1, *), "every element is there")
        }
        if let map = try? NPYDecoder.heatmap(Array(bytes)) {
            require(map.values.count == map.width * map.height, "every element is there")
        }
    }

    static func safetensors(_ bytes: UnsafeRawBufferPointer) {
        ScratchFile.with(bytes) { path in
            guard let file = try? SafetensorsFile(path: path) else { return }
            for (name, entry) in file.tensors {
                guard let held = file.bytes(of: name) else { continue }
                require(entry.range.upperBound <= bytes.count, "tensors lie in the file")
                require(held.isEmpty || held[held.count - 1] == bytes[entry.range.upperBound - 1], "and where it says")
                _ = file.floats(of: name)
            }
        }
    }

    static func torch(_ bytes: UnsafeRawBufferPointer) {
        if bytes.first == 1 {
            let pickle = Array(bytes.dropFirst())
            let storage = (0..<64).map { UInt8($0) }
            let archive = StoredArchive.bytes([("a/data.pkl", pickle), ("a/data/0", storage)])
            archive.withUnsafeBytes { checkpoint($0) }
        } else {
            checkpoint(bytes)
        }
    }

    private static func checkpoint(_ bytes: UnsafeRawBufferPointer) {
        ScratchFile.with(bytes) { path in
            guard let count = try? CheckpointProbe.valueCount(path: path) else { return }
            // The stored tensors may overlap only as views of one storage do.
            require(count >= 0, "counts do not overflow")
        }
    }

    static func tfrecord(_ bytes: UnsafeRawBufferPointer) {
        let options = FeedbackReadOptions(limits: ImageLimits(maxSide: 1000, maxPixels: 100_000))
        if bytes.first == 1 {
            guard let record = try? FeedbackRecord(example: Array(bytes.dropFirst()), options: options) else { return }
            for kind in ScoreKind.allCases { require(record.scores[kind].isFinite, "scores are finite") }
            return
        }
        ScratchFile.with(bytes) { path in
            for element in FeedbackReader(paths: [path], options: options) { _ = element.result }
            if let file = try? TFRecordFile(path: path), let offsets = try? file.offsets() {
                require(offsets.allSatisfy { $0 < UInt64(bytes.count) }, "records lie in the file")
            }
        }
    }
}
