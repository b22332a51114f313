/// Set pixels side by side in one row: columns `start` up to, not including, `end`.
struct PixelRun: Sendable, Equatable {
    var row: Int32
    var start: Int32
    var end: Int32
}

/// Connected sets of pixels, held as runs.
struct ConnectedRegions: Sendable {
    enum Connectivity: Int32 {
        /// Pixels that share a side.
        case four = 0
        /// Pixels that share a side or a corner.
        case eight = 1
    }

    /// Runs in reading order.
    private(set) var runs: [PixelRun]
    /// Each run's region, numbered from 0 in reading order of the regions' first pixels.
    private(set) var regionOfRun: [Int32]
    private(set) var count: Int

    /// Labels runs given in reading order, by union and find over neighbouring rows (Rosenfeld and Pfaltz 1966).
    init(runs: [PixelRun], connectivity: Connectivity) {
        self.runs = runs
        var parents = Array(0..<Int32(runs.count))
        func root(_ run: Int32) -> Int32 {
            var run = run
            while parents[Int(run)] != run {
                parents[Int(run)] = parents[Int(parents[Int(run)])]
                run = parents[Int(run)]
            }
            return run
        }
        let slack = connectivity.rawValue
        var above = 0
        for index in runs.indices {
            let run = runs[index]
            // Runs that end before this one in the row above cannot touch later runs of this row either.
            while above < index, runs[above].row < run.row - 1 { above += 1 }
            while above < index, runs[above].row == run.row - 1, runs[above].end + slack <= run.start { above += 1 }
            var other = above
            while other < index, runs[other].row == run.row - 1, runs[other].start < run.end + slack {
                let (a, b) = (root(Int32(index)), root(Int32(other)))
                // The smaller number is the earlier run: roots stay first pixels.
                if a != b { parents[Int(max(a, b))] = min(a, b) }
                other += 1
            }
        }
        var numbers = [Int32](repeating: 0, count: runs.count)
        var count: Int32 = 0
        for index in runs.indices {
            let root = root(Int32(index))
            if root == Int32(index) {
                numbers[index] = count
                count += 1
            } else {
                numbers[index] = numbers[Int(root)]
            }
        }
        regionOfRun = numbers
        self.count = Int(count)
    }

    /// The regions for which `isKept` holds, renumbered.
    func filtered(_ isKept: [Bool]) -> ConnectedRegions {
        var number: Int32 = 0
        let numbers = isKept.map { kept -> Int32 in
            defer { if kept { number += 1 } }
            return kept ? number : -1
        }
        var result = self
        result.runs.removeAll(keepingCapacity: true)
        result.regionOfRun.removeAll(keepingCapacity: true)
        for (run, region) in zip(runs, regionOfRun) where isKept[Int(region)] {
            result.runs.append(run)
            result.regionOfRun.append(numbers[Int(region)])
        }
        result.count = Int(number)
        return result
    }

    /// The runs of one region.
    func runs(of region: Int) -> [PixelRun] {
        zip(runs, regionOfRun).filter { $0.1 == Int32(region) }.map(\.0)
    }
}

extension Mask {
    /// A mask with these pixels set.
    init(width: Int, height: Int, runs: [PixelRun]) {
        self.init(width: width, height: height)
        values.withUnsafeMutableBufferPointer { values in
            for run in runs {
                let start = Int(run.row) * width
                values[start + Int(run.start)..<start + Int(run.end)].update(repeating: 255)
            }
        }
    }

    /// The set pixels, in reading order.
    var runs: [PixelRun] {
        values.withUnsafeBufferPointer { PixelRun.scan($0, width: width, height: height) }
    }

    /// With its holes filled: sets of empty pixels, connected by their sides, that do not reach the image's edge.
    ///
    /// The same as `scipy.ndimage.binary_fill_holes`.
    public var holesFilled: Mask {
        let runs = self.runs
        return Mask(width: width, height: height, runs: runs + PixelRun.holes(in: runs, width: width, height: height))
    }
}

extension PixelRun {
    /// Runs of non-zero bytes in reading order.
    static func scan(_ values: UnsafeBufferPointer<UInt8>, width: Int, height: Int) -> [PixelRun] {
        var runs: [PixelRun] = []
        for y in 0..<height {
            let line = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: values[y * width..<(y + 1) * width]))
            var x = 0
            while true {
                // Eight empty pixels at a time.
                while x + 8 <= width, line.loadUnaligned(fromByteOffset: x, as: UInt64.self) == 0 { x += 8 }
                while x < width, line[x] == 0 { x += 1 }
                if x == width { break }
                let start = x
                while x + 8 <= width, line.loadUnaligned(fromByteOffset: x, as: UInt64.self) == .max { x += 8 }
                while x < width, line[x] != 0 { x += 1 }
                runs.append(PixelRun(row: Int32(y), start: Int32(start), end: Int32(x)))
            }
        }
        return runs
    }

    /// The pixels that runs leave out, in reading order.
    static func complement(of runs: [PixelRun], width: Int, height: Int) -> [PixelRun] {
        var empty: [PixelRun] = []
        empty.reserveCapacity(runs.count + height)
        var next = 0
        for row in 0..<Int32(height) {
            var start: Int32 = 0
            while next < runs.count, runs[next].row == row {
                if runs[next].start > start { empty.append(PixelRun(row: row, start: start, end: runs[next].start)) }
                start = runs[next].end
                next += 1
            }
            if start < width { empty.append(PixelRun(row: row, start: start, end: Int32(width))) }
        }
        return empty
    }

    /// The empty pixels that set runs enclose.
    static func holes(in runs: [PixelRun], width: Int, height: Int) -> [PixelRun] {
        let regions = ConnectedRegions(
            runs: complement(of: runs, width: width, height: height), connectivity: .four)
        var isHole = [Bool](repeating: true, count: regions.count)
        for (run, region) in zip(regions.runs, regions.regionOfRun)
        where run.row == 0 || run.row == height - 1 || run.start == 0 || run.end == width {
            isHole[Int(region)] = false
        }
        return regions.filtered(isHole).runs
    }
}
