/// Binary morphology in time that does not depend on the radius.
///
/// Each operation takes pixels outside its input image as empty, exactly as `scipy.ndimage`'s `binary_*` functions do
/// with their default `border_value=0`:
/// - dilation: nothing grows in from outside;
/// - erosion: a pixel survives only if its whole neighbourhood lies inside the image and is set, so a region that
///   touches the edge is eroded from the edge too;
/// - opening and closing are compositions of these two, each on an image of the same size. What a dilation grew past
///   the edge is cut off before the erosion, so closing eats up to a radius from a region that touches the edge.
extension Mask {
    /// Set where the element, centred on the pixel, covers a set pixel.
    public func dilated(by element: StructuringElement) -> Mask {
        Mask.spread(runs, width: width, height: height, element, outside: false)
    }

    /// Set where the element, centred on the pixel, covers set pixels of the image only.
    public func eroded(by element: StructuringElement) -> Mask {
        // What is not set, and the outside, spread; what they do not reach stays.
        let empty = PixelRun.complement(of: runs, width: width, height: height)
        return Mask.spread(empty, width: width, height: height, element, outside: true).inverted
    }

    /// Eroded, then dilated: drops what is narrower than the element.
    public func opened(by element: StructuringElement) -> Mask {
        eroded(by: element).dilated(by: element)
    }

    /// Dilated, then eroded: closes gaps that are narrower than the element.
    public func closed(by element: StructuringElement) -> Mask {
        dilated(by: element).eroded(by: element)
    }

    /// Spreads sources, and the outside if asked, by the element.
    ///
    /// Along each row, the distance to the nearest source says how many rows up and down the element reaches from there:
    /// at distance d, `halfWidths[d]` (the elements are symmetric in rows and columns). Farther sources of the same row
    /// reach no further, as half widths never increase. Then two sweeps over the rows carry these reaches down and up,
    /// one less with each row.
    static func spread(
        _ sources: [PixelRun], width: Int, height: Int, _ element: StructuringElement, outside: Bool
    ) -> Mask {
        let halfWidths = element.halfWidths(limit: width).map { Int16(clamping: $0) }
        // -1: reached by nothing.
        var reaches = [Int16](repeating: -1, count: width * height)
        var carried = [Int16](repeating: outside ? halfWidths[0] : -1, count: width)
        let initial = carried
        let values = [UInt8](unsafeUninitializedCapacity: width * height) { values, count in
            reaches.withUnsafeMutableBufferPointer { reaches in
                carried.withUnsafeMutableBufferPointer { carried in
                    var next = 0
                    for y in 0..<height {
                        let line = UnsafeMutableBufferPointer(rebasing: reaches[y * width..<(y + 1) * width])
                        let first = next
                        while next < sources.count, sources[next].row == Int32(y) { next += 1 }
                        Self.fill(line, sources[first..<next], halfWidths, outside: outside)
                        for x in 0..<width {
                            // A reach of -1 stays -1, however many rows it is carried: no line is below it.
                            let reach = max(carried[x] &- 1, line[x])
                            carried[x] = reach
                            line[x] = reach
                        }
                    }
                    // A reach carried down, sent up again from where it got to, stays within its source's reach.
                    for x in 0..<width { carried[x] = initial[x] }
                    for y in (0..<height).reversed() {
                        let line = y * width
                        for x in 0..<width {
                            let reach = max(carried[x] &- 1, reaches[line + x])
                            carried[x] = reach
                            values[line + x] = reach >= 0 ? 255 : 0
                        }
                    }
                }
            }
            count = width * height
        }
        return Mask(width: width, height: height, values: values)
    }

    /// Writes how far up and down each pixel of a row reaches by the nearest of the row's sources.
    private static func fill(
        _ line: UnsafeMutableBufferPointer<Int16>, _ sources: ArraySlice<PixelRun>, _ halfWidths: [Int16],
        outside: Bool
    ) {
        // The end of the source to the left of a gap; nil when there is none.
        var left: Int? = outside ? 0 : nil
        func fillGap(to right: Int, isSource: Bool) {
            let start = left ?? 0
            let fromLeft = left == nil ? 0 : isSource ? (right - start + 1) / 2 : right - start
            let fromRight = isSource ? right - start - fromLeft : 0
            for distance in 0..<min(fromLeft, halfWidths.count - 1) {
                line[start + distance] = halfWidths[distance + 1]
            }
            for distance in 0..<min(fromRight, halfWidths.count - 1) {
                line[right - 1 - distance] = halfWidths[distance + 1]
            }
        }
        for source in sources {
            let (start, end) = (Int(source.start), Int(source.end))
            fillGap(to: start, isSource: true)
            line[start..<end].update(repeating: halfWidths[0])
            left = end
        }
        fillGap(to: line.count, isSource: outside)
    }
}
