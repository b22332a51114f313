import Glibc
import RewardImage
package import RewardModel
import Synchronization

/// Decoded records at the model's sizes in one memory-mapped file: pixels are decoded and resampled once, and the
/// system, not the process, decides how much of it stays in memory.
///
/// A record takes `size² * 3` bytes of pixels and `mapSize²` for each map, all 0 to 255.
package final class ExampleCache: Sendable {
    package let size: Int
    package let mapSize: Int
    private let data: TrainingData
    private let base: UInt
    private let bytes: Int
    /// Serialises filling; a record's flag is set after its bytes are there.
    private let lock = Mutex(())
    private let filter: Resampler.Filter

    /// A decoded record. The pointers live as long as the cache.
    package struct Example {
        /// `[size, size, 3]`
        var pixels: UnsafePointer<UInt8>
        /// `[mapSize, mapSize]`; nil where the record has none.
        var maps: [HeatmapKind: UnsafePointer<UInt8>]
    }

    private static let present: UInt8 = 1
    private var slot: Int { size * size * 3 + HeatmapKind.allCases.count * mapSize * mapSize }

    /// Opens or makes the cache file in a folder; one of the same data and sizes is taken up again.
    package init(data: TrainingData, folder: String, config: ModelConfig) throws(TrainingError) {
        self.data = data
        let (size, mapSize) = (config.image.size, config.heatmapSize)
        self.size = size
        self.mapSize = mapSize
        filter = config.image.resample == .bilinear ? .bilinear : .bicubic
        let path = "\(folder)/cache-\(String(data.digest, radix: 16))-\(size)-\(mapSize)"
        bytes = data.count * (1 + size * size * 3 + HeatmapKind.allCases.count * mapSize * mapSize)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw systemError(path) }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(bytes)) == 0,
            let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), address != MAP_FAILED
        else { throw systemError(path) }
        base = UInt(bitPattern: address)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(bitPattern: base), bytes)
    }

    private var memory: UnsafeMutablePointer<UInt8> {
        // Mapped in `init`, so never null.
        UnsafeMutablePointer<UInt8>(bitPattern: base).unsafelyUnwrapped
    }

    /// A record, decoded now if it is not there yet. Safe from any thread.
    package func example(_ index: Int) throws(TrainingError) -> Example {
        let flags = memory + index
        let pixels = memory + data.count + index * slot
        if flags.pointee & Self.present == 0 {
            try lock.withLock { (_) throws(TrainingError) in
                if flags.pointee & Self.present == 0 { try fill(index, flags, pixels) }
            }
        }
        var maps: [HeatmapKind: UnsafePointer<UInt8>] = [:]
        for (number, kind) in HeatmapKind.allCases.enumerated() where flags.pointee & (2 << UInt8(number)) != 0 {
            maps[kind] = UnsafePointer(pixels + size * size * 3 + number * mapSize * mapSize)
        }
        return Example(pixels: UnsafePointer(pixels), maps: maps)
    }

    private func fill(
        _ index: Int, _ flags: UnsafeMutablePointer<UInt8>, _ pixels: UnsafeMutablePointer<UInt8>
    ) throws(TrainingError) {
        let entry = data.entries[index]
        let image = try data.image(entry)
        if case .uint8(let octets) = image.samples, image.width == size, image.height == size {
            // Resampling would give the same again.
            for element in octets.indices { pixels[element] = octets[element] }
        } else {
            let values = Resampler(
                fromWidth: image.width, fromHeight: image.height, toWidth: size, toHeight: size, filter: filter
            ).apply(image)
            for element in values.indices { pixels[element] = level(values[element]) }
        }
        var found = Self.present
        let maps = try data.maps(entry)
        for (number, kind) in HeatmapKind.allCases.enumerated() {
            guard let map = maps[kind] else { continue }
            let target = pixels + size * size * 3 + number * mapSize * mapSize
            let values = resampled(map, to: mapSize).values
            for element in values.indices { target[element] = level(values[element]) }
            found |= 2 << UInt8(number)
        }
        flags.pointee = found
    }
}

/// A map at another size, antialiased bilinear.
func resampled(_ map: Heatmap, to size: Int) -> Heatmap {
    Resampler(
        fromWidth: map.width, fromHeight: map.height, toWidth: size, toHeight: size, filter: .bilinear
    ).apply(map)
}

/// [0, 1] to 0...255, rounded and clamped.
package func level(_ value: Float) -> UInt8 { UInt8((min(max(value, 0), 1) * 255).rounded()) }
