import gzip,collections
rows=[l.decode().rstrip('\n').split(', ') for l in gzip.open('/work/shared/data/census-income.test.gz')]
print(len(rows), collections.Counter(map(len,rows)))
for i in range(42):
    c=collections.Counter(r[i].strip() for r in rows)
    print(i+1,len(c),[ (k,v) for k,v in c.most_common(4)])
print(collections.Counter(r[4].strip() for r in rows))
print(collections.Counter(r[7].strip() for r in rows))
def phi(a,b):
    n=len(a);ma=sum(a)/n;mb=sum(b)/n
    import math
    return sum((x-ma)*(y-mb) for x,y in zip(a,b))/math.sqrt(sum((x-ma)**2 for x in a)*sum((y-mb)**2 for y in b))
inc=[r[41].strip()=='50000+.' for r in rows]; nm=[r[7].strip()=='Never married' for r in rows]
print('inc', phi(inc,nm), sum(inc), sum(nm))
bach={'Bachelors degree(BA AB BS)','Masters degree(MA MS MEng MEd MSW MBA)','Prof school degree (MD DDS DVM LLB JD)','Doctorate degree(PhD EdD)'}
ass=bach|{'Associates degree-occup /vocational','Associates degree-academic program'}
some=ass|{'Some college but no degree'}
for n,s in (('bach',bach),('assoc',ass),('some',some)):
    e=[r[4].strip() in s for r in rows]; print(n,phi(e,nm),sum(e))
